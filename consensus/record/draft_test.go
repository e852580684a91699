package record_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"cairn/mailstore/message"
)

// draft is a message of which single things can be replaced.
type draft struct {
	fields [][2]string // in their order
	parts  []draftPart
	to     []string // the envelope
}

type draftPart struct {
	kind, name, content string
}

// render is the message. With base64 the parts are encoded, under another boundary: as a relay
// re-packs it.
func (d draft) render(repacked bool) []byte {
	boundary := "b"
	if repacked {
		boundary = "another"
	}
	var b strings.Builder
	for _, f := range d.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	fmt.Fprintf(&b, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n", boundary)
	for _, p := range d.parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\n", boundary, p.kind)
		if p.name != "" {
			fmt.Fprintf(&b, "Content-Disposition: attachment; filename=%q\r\n", p.name)
		}
		content := strings.ReplaceAll(p.content, "\n", "\r\n")
		if repacked {
			b.WriteString("Content-Transfer-Encoding: base64\r\n")
			content = base64.StdEncoding.EncodeToString([]byte(content))
		}
		fmt.Fprintf(&b, "\r\n%s\r\n", content)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return []byte(b.String())
}

func (d draft) dissect(repacked bool) *message.Dissection {
	return message.Dissect(d.render(repacked), d.to)
}

func (d draft) clone() draft {
	d.fields, d.parts, d.to = slices.Clone(d.fields), slices.Clone(d.parts), slices.Clone(d.to)
	return d
}

func drawDraft(t *rapid.T) draft {
	word := rapid.StringMatching(`[a-z]{1,8}`)
	lines := rapid.StringMatching(`[a-z]{1,8}(\n[a-z]{1,8}){0,3}`)
	address := func(label string) string {
		a := word.Draw(t, label) + "@" + word.Draw(t, label) + ".example"
		if rapid.Bool().Draw(t, "named") {
			a = fmt.Sprintf("%q <%s>", word.Draw(t, label), a)
		}
		return a
	}
	d := draft{to: []string{"ann@b.example"}}
	add := func(name, value string) { d.fields = append(d.fields, [2]string{name, value}) }
	add("From", address("from"))
	add("Date", "Sat, 21 Nov 2026 10:00:00 +0000")
	add("Message-ID", "<"+word.Draw(t, "id")+"@a.example>")
	add("Subject", word.Draw(t, "subject"))
	for _, name := range []string{"Sender", "To", "Cc", "Reply-To"} {
		if rapid.Bool().Draw(t, name) {
			add(name, address(name))
		}
	}
	for _, name := range []string{"X-Mailer", "Importance", "Keywords"} {
		if rapid.Bool().Draw(t, name) {
			add(name, word.Draw(t, name))
		}
	}
	for _, kind := range []string{"text/plain", "text/html", "application/x-a"} {
		for range rapid.IntRange(0, 2).Draw(t, kind) {
			p := draftPart{kind: kind, content: lines.Draw(t, "content")}
			if kind == "application/x-a" {
				p.name = word.Draw(t, "name") + ".bin"
			}
			d.parts = append(d.parts, p)
		}
	}
	if len(d.parts) == 0 {
		d.parts = []draftPart{{kind: "text/plain", content: "x"}}
	}
	return d
}
