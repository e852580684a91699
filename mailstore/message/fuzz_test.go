package message_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"unicode/utf8"

	"cairn/mailstore/message"
)

func seed(f *testing.F) {
	file, err := os.ReadFile("testdata/canonical.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(file, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add([]byte(v.Message))
		f.Add(withCRLF([]byte(v.Message)))
	}
}

// unix drops every CR that stands before an LF.
func unix(raw []byte) []byte {
	for bytes.Contains(raw, []byte("\r\n")) {
		raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	}
	return raw
}

func FuzzComponents(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		comps := message.Components(raw, []string{string(raw[:min(len(raw), 40)])})
		checkComponents(t, "fuzz", comps)
		if !bytes.Equal(raw, before) {
			t.Fatal("the raw message was changed")
		}
		lf := unix(raw)
		crlf := bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n"))
		if !sameComponents(message.Components(lf, nil), message.Components(crlf, nil)) {
			t.Fatalf("components depend on line ends:\n%+v\n%+v", message.Components(lf, nil), message.Components(crlf, nil))
		}
	})
}

var plain = regexp.MustCompile(`^[A-Za-z0-9.+_-]+@[a-z0-9.-]+$`)

func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := message.Parse(raw)
		for _, s := range []string{m.Subject, m.Text, m.HTML, m.MessageID, m.ListID} {
			if !utf8.ValidString(s) {
				t.Fatalf("%q is not UTF-8", s)
			}
		}
		for _, a := range m.From {
			if !utf8.ValidString(a.Name + a.Addr) {
				t.Fatalf("%q is not UTF-8", a)
			}
			if again := message.CanonicalAddress(a.Addr); plain.MatchString(a.Addr) && a.Addr != again {
				t.Fatalf("%q becomes %q when it is read again", a.Addr, again)
			}
		}
	})
}
