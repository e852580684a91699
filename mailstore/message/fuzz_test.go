package message_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
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
	f.Add([]byte("Message-ID: <a\xc7@x>\nIn-Reply-To: b\xc7\nReferences: <c\xc7> <d>\nReceived: from x\xc7 by y\nReply-To: e\xc7\n" +
		"Content-Type: application/x\xc7; name=f\xc7\nContent-ID: <g\xc7>\n\n"))
	f.Add([]byte("Received: from \u023a\u023a\u023a\u023a\u023a by y\n\n")) // longer in lower case
}

func FuzzComponents(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		comps := message.ComponentsV1(raw, []string{string(raw[:min(len(raw), 40)])})
		checkComponents(t, "fuzz", comps)
		if !bytes.Equal(raw, before) {
			t.Fatal("the raw message was changed")
		}
		lf := withLF(raw)
		crlf := bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n"))
		if !sameComponents(message.ComponentsV1(lf, nil), message.ComponentsV1(crlf, nil)) {
			t.Fatalf("components depend on line ends:\n%+v\n%+v", message.ComponentsV1(lf, nil), message.ComponentsV1(crlf, nil))
		}
	})
}

// texts returns every string that reading a mail yields.
func texts(m *message.Message) []string {
	all := []string{m.Subject, m.Text, m.HTML, m.MessageID, m.ListID}
	all = append(append(all, m.InReplyTo...), m.References...)
	for _, list := range [][]message.Address{m.From, m.Sender, m.To, m.Cc, m.ReplyTo} {
		for _, a := range list {
			all = append(all, a.Name, a.Addr)
		}
	}
	for _, part := range m.Attachments {
		all = append(all, part.Name, part.Type, part.ContentID)
	}
	for _, field := range m.Fields() {
		all = append(all, field.Name, field.Value)
	}
	return all
}

var plain = regexp.MustCompile(`^[A-Za-z0-9.+_-]+@[a-z0-9.-]+$`)

func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := message.Parse(raw)
		for _, s := range texts(m) {
			if !utf8.ValidString(s) {
				t.Fatalf("%q is not UTF-8", s)
			}
		}
		for _, a := range m.From {
			if again := message.CanonicalAddress(a.Addr); plain.MatchString(a.Addr) && a.Addr != again {
				t.Fatalf("%q becomes %q when it is read again", a.Addr, again)
			}
		}
		lf := message.Parse(withLF(raw))
		if m.Text != lf.Text || m.HTML != lf.HTML || len(m.Attachments) != len(lf.Attachments) {
			t.Fatal("with LF line ends it is another mail")
		}
		for i, part := range m.Attachments {
			if content := part.Content(); !bytes.Equal(content, lf.Attachments[i].Content()) || len(content) != part.Size() {
				t.Fatalf("attachment %d has %d bytes, %d of them counted, and %d with LF line ends", i, len(content), part.Size(), lf.Attachments[i].Size())
			}
		}
		m.Text, m.HTML, m.Attachments = "", "", nil
		if header := message.ParseHeader(raw); !reflect.DeepEqual(header, m) {
			t.Fatalf("the header is %+v, and with the body %+v", header, m)
		}
	})
}
