package index

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A message that is damaged is listed by what is known of it, and keeps no other from being found.
func TestDamagedMessageHoldsUpNothing(t *testing.T) {
	b := newBed(t)
	b.sync()
	b.closeIndex()
	spoilt := "Subject: spoilt\r\n\r\n" + strings.Repeat("unreadable\r\n", 200)
	first := b.add([]string{"inbox"}, spoilt)
	b.add([]string{"inbox"}, "Subject: whole\r\n\r\nreadable\r\n")
	logs, _ := filepath.Glob(b.dir + "/mail/*.vlog")
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(text, []byte(spoilt)); at >= 0 {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{'X'}, int64(at+100)); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	b.openIndex()
	b.sync()
	for query, want := range map[string]string{"readable": "2", "unreadable": "", "label:inbox": "2 1"} {
		if got := b.find(query); got != want {
			t.Errorf("%s finds %q, want %q (message %d is damaged)", query, got, want, first)
		}
	}
}
