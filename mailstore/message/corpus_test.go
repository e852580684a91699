package message_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
)

// mails calls f with every file below the folders that may be a mail.
func mails(t *testing.T, folders []string, f func(path string, raw []byte)) {
	root := testenv.Folder(t, "CAIRN_TESTDATA")
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch filepath.Ext(path) {
			case ".json", ".xml", ".tsv", ".jsonl", ".out":
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f(strings.TrimPrefix(path, root), raw)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// withLF drops every CR that stands before an LF.
func withLF(raw []byte) []byte {
	for bytes.Contains(raw, []byte("\r\n")) {
		raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	}
	return raw
}

func withCRLF(raw []byte) []byte { return bytes.ReplaceAll(withLF(raw), []byte("\n"), []byte("\r\n")) }

// TestComponentsOfCorpus holds for thousands of real, broken and hostile mails: no panic, the same
// result every time and with every line end, and within the limits.
func TestComponentsOfCorpus(t *testing.T) {
	files, text := 0, 0
	mails(t, []string{"ham", "spam", "intl", "mime", "phishing", "transit"}, func(path string, raw []byte) {
		files++
		comps := message.ComponentsV1(raw, nil)
		checkComponents(t, path, comps)
		if !sameComponents(comps, message.ComponentsV1(withLF(raw), nil)) {
			t.Errorf("%s: components differ with LF line ends", path)
		}
		if !sameComponents(comps, message.ComponentsV1(withCRLF(raw), nil)) {
			t.Errorf("%s: components differ with CRLF line ends", path)
		}
		if m := message.Parse(raw); m.Text != "" || m.HTML != "" || len(m.Attachments) > 0 {
			text++
		}
	})
	if files < 2000 || text < files*9/10 {
		t.Errorf("only %d of %d files have content", text, files)
	}
}

func checkComponents(t testing.TB, what string, comps []message.Component) {
	t.Helper()
	if len(comps) > message.MaxComponents {
		t.Errorf("%s: %d components", what, len(comps))
	}
	for i, c := range comps {
		if i > 0 && !(comps[i-1].Type < c.Type || comps[i-1].Type == c.Type && comps[i-1].Index < c.Index) {
			t.Errorf("%s: %s %d out of order", what, c.Type, c.Index)
		}
		row, ok := c.Type.Info()
		if !ok || int(c.Index) >= row.Max {
			t.Errorf("%s: %s %d is not in the registry's bounds", what, c.Type, c.Index)
		}
		folded := row.Max > 1 && int(c.Index) == row.Max-1 // hashes
		if row.Form != message.FormBytes && !folded && !utf8.Valid(c.Content()) {
			t.Errorf("%s: %s %d is not UTF-8: %q", what, c.Type, c.Index, c.Content())
		}
	}
}

func sameComponents(a, b []message.Component) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || a[i].Index != b[i].Index || !bytes.Equal(a[i].Content(), b[i].Content()) {
			return false
		}
	}
	return true
}
