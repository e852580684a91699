package intact

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4/options"
)

// TestTornManifest has a power cut: while the last record of the MANIFEST is synced, which reaches
// over two pages, one of them is lost.
func TestTornManifest(t *testing.T) {
	clean, _, m := stores(t, options.None)
	for _, lose := range []string{"first", "second"} {
		dir := filepath.Join(t.TempDir(), "db")
		copyFolder(t, dir, clean)
		edit(t, dir, manifestName, func(b []byte) []byte {
			// empty records up to 20 octets before a page ends, as those of removals of tables that
			// never were
			pad := page - len(b)%page - 20
			for pad < 0 {
				pad += page
			}
			for ; pad >= 8; pad -= 8 {
				b = append(b, make([]byte, 8)...)
			}
			at := len(b)
			body := []byte{}
			for id := range 6 { // removals of tables that are gone
				one := []byte{0x08, byte(100 + id), 0x10, 0x01}
				body = append(body, 0x0a, byte(len(one)))
				body = append(body, one...)
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
			b = binary.BigEndian.AppendUint32(b, sum(body))
			b = append(b, body...)
			edge := (at/page + 1) * page
			if edge <= at || edge >= len(b) {
				t.Fatal(at, edge, len(b))
			}
			if lose == "first" {
				clear(b[at:edge])
			} else {
				clear(b[edge:])
			}
			return b
		})
		if err := Look(os.DirFS(dir), Shape{}); err != nil {
			t.Errorf("%s page lost: %v", lose, err)
			continue
		}
		db, err := openTest(dir, testOptions(dir))
		if err != nil {
			t.Errorf("%s page lost: opening: %v", lose, err)
			continue
		}
		if wrong := m.wrong(db, false); wrong != "" {
			t.Error(wrong)
		}
		Close(dir, db, nil)
	}
}
