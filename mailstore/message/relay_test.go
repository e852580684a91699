package message_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"cairn/mailstore/message"
)

// content is what an author writes; a rendering is one of the many ways in which it travels.
type content struct {
	subject, name, text, html string
	attachment                []byte
	note                      string // a text attachment
}

func drawContent(t *rapid.T) content {
	line := rapid.StringMatching(`[a-zA-Zäöüß€,.!?<>= ]{0,60}[a-z.]`)
	lines := rapid.SliceOfN(line, 1, 8)
	return content{
		subject:    rapid.StringMatching(`[a-zäöü?=_,]{1,12}( [a-zäöüß?=_,]{1,12}){0,8}`).Draw(t, "subject"),
		name:       rapid.StringMatching(`[A-Za-zäöü]{1,12}( [A-Za-zäöü.]{1,12}){0,2}`).Draw(t, "name"),
		text:       strings.Join(lines.Draw(t, "text"), "\n"),
		html:       "<p>" + strings.Join(lines.Draw(t, "html"), "\n") + "</p>",
		attachment: append([]byte{0, 0xff}, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "attachment")...),
		note:       strings.Join(lines.Draw(t, "note"), "\n"),
	}
}

// render writes c as some honest mail program or relay might.
func render(t *rapid.T, c content) []byte {
	boundary := rapid.StringMatching(`[a-zA-Z0-9'=_.-]{1,30}x`).Draw(t, "boundary")
	fields := []string{
		field(t, "From", encodeWord(t, c.name)+" <Jo.Doe@"+pick(t, "example.org", "EXAMPLE.org")+">"),
		field(t, "To", pick(t, "a@b.example, Bob <c@d.example>", `"Bob" <c@D.example>,a@b.example`, "c@d.example (Bob), friends: a@b.example;")),
		field(t, "Date", pick(t, "Sat, 21 Nov 2026 10:00:00 +0000", "21 Nov 2026 12:00:00 +0200", "Sat, 21 Nov 2026 05:00:00 EST", "Sat, 21 Nov 2026 10:00 GMT (noon)")),
		field(t, "Subject", encodeWord(t, c.subject)),
		field(t, "Message-ID", "<1@example.org>"),
		field(t, "References", "<a@example.org> <b@example.org>"),
		"MIME-Version: 1.0\n",
		pick(t, fmt.Sprintf("Content-Type: multipart/mixed; boundary=%q\n", boundary), fmt.Sprintf("content-type: Multipart/Mixed;\n\tboundary=\"%s\";\n charset=us-ascii\n", boundary)),
	}
	if rapid.Bool().Draw(t, "reorder") {
		fields = append(fields[3:], fields[:3]...)
	}
	var b strings.Builder
	b.WriteString(strings.Join(fields, "") + "\n" + pick(t, "", "This is MIME.\n"))
	for _, part := range []string{
		textPart(t, "plain", "", c.text),
		textPart(t, "html", "", c.html),
		"Content-Type: application/x-thing; name=\"thing.bin\"\nContent-Transfer-Encoding: " + wrapBase64(t, c.attachment),
		textPart(t, "x-note", "Content-Disposition: attachment; filename="+pick(t, "note.txt", "\"note.txt\"")+"\n", c.note),
	} {
		b.WriteString("--" + boundary + pick(t, "", " ") + "\n" + part + "\n")
	}
	b.WriteString("--" + boundary + "--" + pick(t, "", "\n", "\nepilogue\n"))
	if rapid.Bool().Draw(t, "crlf") {
		return withCRLF([]byte(b.String()))
	}
	return []byte(b.String())
}

func pick(t *rapid.T, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, "choice") }

// field folds a value at some of its spaces.
func field(t *rapid.T, name, value string) string {
	var b strings.Builder
	b.WriteString(pick(t, name, strings.ToLower(name)) + ":" + pick(t, " ", "", "\n "))
	for i, word := range strings.Split(value, " ") {
		if i > 0 {
			b.WriteString(pick(t, " ", "\n ", "\n\t", "  "))
		}
		b.WriteString(word)
	}
	return b.String() + "\n"
}

func encodeWord(t *rapid.T, s string) string {
	switch pick(t, "Q", "B", "latin", "raw") {
	case "Q":
		return encoded(mime.QEncoding, s)
	case "B":
		return encoded(mime.BEncoding, s)
	case "latin":
		if latin, err := charmap.ISO8859_1.NewEncoder().String(s); err == nil {
			return "=?ISO-8859-1?B?" + base64.StdEncoding.EncodeToString([]byte(latin)) + "?="
		}
	}
	if strings.Contains(s, "=?") || strings.ContainsAny(s, ",.") {
		return encoded(mime.BEncoding, s)
	}
	return s
}

// encoded makes an encoded word even of ASCII text; one word may be longer than the standard
// allows.
func encoded(e mime.WordEncoder, s string) string {
	if e == mime.BEncoding {
		return "=?UTF-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	var b strings.Builder
	b.WriteString("=?utf-8?Q?")
	for _, c := range []byte(s) {
		if c == ' ' {
			b.WriteByte('_')
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String() + "?="
}

// textPart renders a text part in some charset and transfer encoding, with white space at line ends
// that means nothing.
func textPart(t *rapid.T, subtype, more, text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] += pick(t, "", "", " ", "\t ")
	}
	text = strings.Join(lines, "\n") + pick(t, "", "\n", "\n\n \n")
	charset, bytes := "utf-8", []byte(text)
	if pick(t, "utf-8", "western") == "western" {
		if western, err := charmap.Windows1252.NewEncoder().Bytes(bytes); err == nil {
			charset, bytes = "windows-1252", western
		}
	}
	head := "Content-Type: text/" + subtype + "; charset=" + pick(t, charset, strings.ToUpper(charset), `"`+charset+`"`) + "\n" + more
	switch pick(t, "8bit", "quoted-printable", "base64") {
	case "quoted-printable":
		return head + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted(bytes)
	case "base64":
		return head + "Content-Transfer-Encoding: " + wrapBase64(t, withEnds(t, bytes))
	}
	return head + "Content-Transfer-Encoding: 8bit\n\n" + string(bytes)
}

func withEnds(t *rapid.T, b []byte) []byte {
	if rapid.Bool().Draw(t, "crlf inside") {
		return withCRLF(b)
	}
	return b
}

func quoted(b []byte) string {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	w.Write(b)
	w.Close()
	return string(withLF(out.Bytes()))
}

func wrapBase64(t *rapid.T, b []byte) string {
	text, width := base64.StdEncoding.EncodeToString(b), rapid.SampledFrom([]int{19, 60, 76, 1000}).Draw(t, "width")
	var out strings.Builder
	out.WriteString("base64\n\n")
	for len(text) > width {
		out.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return out.String() + text
}

// TestHonestRelay draws a content and two renderings of it: their components are the same, and they
// are those of the content.
func TestHonestRelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawContent(t)
		one, other := render(t, c), render(t, c)
		a, b := message.ComponentsV1(one, nil), message.ComponentsV1(other, nil)
		if !sameComponents(a, b) {
			t.Fatalf("components differ\n%s\n%+v\n---\n%s\n%+v", one, a, other, b)
		}
		got := map[message.Type]string{}
		for _, component := range a {
			got[component.Type] = string(component.Content())
		}
		if got[message.Subject] != c.subject || got[message.Text] != c.text || got[message.HTML] != c.html || got[message.FromName] != c.name {
			t.Fatalf("not the content: %q\nof %q", got, c)
		}
		if got[message.From] != "Jo.Doe@example.org" || got[message.To] != "a@b.example\nc@d.example" || got[message.Date] != "1795255200" {
			t.Fatalf("header: %q", got)
		}
	})
}

// TestDifferentContent is the other half: what an author did not write never passes for what he
// wrote.
func TestDifferentContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawContent(t)
		d := c
		switch pick(t, "subject", "name", "text", "html", "attachment", "note") {
		case "subject":
			d.subject += "x"
		case "name":
			d.name = "x" + d.name
		case "text":
			d.text = "x" + d.text
		case "html":
			d.html += "x"
		case "attachment":
			d.attachment = append([]byte{1}, d.attachment...)
		case "note":
			d.note += "x"
		}
		if sameComponents(message.ComponentsV1(render(t, c), nil), message.ComponentsV1(render(t, d), nil)) {
			t.Fatalf("%q and %q have the same components", c, d)
		}
	})
}
