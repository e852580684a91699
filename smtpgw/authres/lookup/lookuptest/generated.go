package lookuptest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"cairn/mailstore/testenv"
)

// Case is a mail of the collection that was generated, with what its makers say of it; empty: there
// is nothing to say.
type Case struct {
	File, Note, Helo string
	Client           string `json:"client_ip"`
	From             string `json:"mail_from"`
	SPF              string `json:"expect_spf"`
	DKIM             string `json:"expect_dkim"`
	ARC              string `json:"expect_arc"`
	DMARC            string `json:"expect_dmarc"`

	Raw []byte `json:"-"` // as Wire has it
}

// Generated reads that collection, of which texts are the TXT records.
func Generated(t testing.TB) (texts map[string][]string, cases []Case) {
	t.Helper()
	dir := filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth", "generated")
	text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		DNS   map[string][]string `json:"dns_txt"`
		Cases []Case
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all.Cases) < 40 {
		t.Fatalf("%d cases: %v", len(all.Cases), err)
	}
	for i := range all.Cases {
		all.Cases[i].Raw = Wire(t, dir, all.Cases[i].File)
	}
	return all.DNS, all.Cases
}

// Wire is a mail in a file as it was on the wire.
func Wire(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}
