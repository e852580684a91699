package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// inBase64 are octets in lines of 76 characters of base64.
func inBase64(octets []byte, end string) string {
	var b strings.Builder
	for line := range slices.Chunk(octets, 57) {
		b.WriteString(base64.StdEncoding.EncodeToString(line) + end)
	}
	return b.String()
}

// inQuoted are octets in lines of quoted-printable, each octet as an escape.
func inQuoted(octets []byte) string {
	var b strings.Builder
	for line := range slices.Chunk(octets, 25) {
		for _, c := range line {
			b.WriteString("=" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
		b.WriteString("=\r\n")
	}
	return b.String()
}

// TestLargeAttachment: an attachment that is not kept decoded counts by what it decodes to.
func TestLargeAttachment(t *testing.T) {
	binary := make([]byte, 3*maxText+1)
	rand.NewChaCha8([32]byte{1}).Read(binary)
	lines := bytes.Repeat([]byte("0123456\r\r\r\r\r\n"), maxText/8) // few but for their CRs
	ab := bytes.Repeat([]byte("ab\r\n"), maxText)
	for _, tt := range []struct {
		name, kind, encoding, body string
		reading                    Reading
		content                    []byte
		kept                       bool // as it is decoded, or as it stands
	}{
		{"octets", "application/zip", "base64", inBase64(binary, "\r\n"), Canonical, binary, false},
		{"LF", "application/zip", "base64", inBase64(binary, "\n"), Canonical, binary, false},
		{"one more", "image/png", "base64", inBase64(append(binary, 'x'), "\r\n"), Canonical, append(binary, 'x'), false},
		{"empty lines behind", "image/png", "base64", inBase64(binary[1:], "\r\n") + "\r\n\r\n", Canonical, binary[1:], false},
		{"text of another type", "application/pgp", "base64", inBase64(ab, "\r\n"), Canonical, ab, false},
		{"lines", "application/pgp", "base64", inBase64(lines, "\r\n"), Canonical, bytes.TrimRight(unixEnds(lines), "\n"), true},
		{"no base64", "application/zip", "base64", inBase64(binary, "\r\n") + "!", AsOctets, nil, true},
		{"no base64 amid", "application/zip", "base64", inBase64(binary[:maxText], "\r\n") + "====\r\n" + inBase64(binary, "\r\n"), AsOctets, nil, true},
		{"with a boundary", "application/zip; boundary=b", "base64", inBase64(binary, "\r\n"), AsOctets, nil, true},
		{"quoted", "application/zip", "quoted-printable", inQuoted(binary), Canonical, binary, false},
		{"quoted lines", "application/pgp", "quoted-printable", inQuoted(lines), Canonical, bytes.TrimRight(unixEnds(lines), "\n"), true},
		{"quoted, padded", "application/zip", "quoted-printable", inQuoted(binary) + "x \r\n", AsOctets, nil, true},
		{"not quoted", "application/zip", "quoted-printable", inQuoted(binary) + "=G1\r\n", AsOctets, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Dissect([]byte("From: a@a.example\r\nMIME-Version: 1.0\r\nContent-Type: "+tt.kind+"\r\nContent-Transfer-Encoding: "+tt.encoding+"\r\n\r\n"+tt.body), nil)
			c := componentOf(d, Attachment)
			digest := c.Digest()
			if c.Reading != tt.reading || (c.large == nil) != tt.kept {
				t.Fatalf("reading %d, kept: %v", c.Reading, c.large == nil)
			}
			if tt.content != nil {
				isContent(t, c, digest, tt.content)
			}
			if other := c.WithContent([]byte("x")); tt.content != nil && (other.Digest() != DigestOf(Canonical, []byte("x"), "") || other.Size() != 1) {
				t.Error("another content has the digest or size of the first one")
			}
		})
	}
}

func componentOf(d *Dissection, t Type) *Component {
	components := d.Body().Components
	return &components[slices.IndexFunc(components, func(c Component) bool { return c.Type == t })]
}

// isContent holds a component whose digest was asked for to what is kept in its place.
func isContent(t *testing.T, c *Component, digest [32]byte, content []byte) {
	t.Helper()
	if want := sha256.Sum256(slices.Concat([]byte{byte(Canonical)}, content)); digest != want || c.Size() != len(content) {
		t.Errorf("digest %x of %d octets, want %x of %d", digest, c.Size(), want, len(content))
	}
	if c.large != nil && c.large.octets != nil {
		t.Error("digest and size decoded it")
	}
	if !bytes.Equal(c.Content(), content) {
		t.Error("another content")
	}
}

// TestLargeText: a text attachment that nobody reads to its end counts by the octets that it
// decodes to, which are not kept, and by all that says how to read them.
func TestLargeText(t *testing.T) {
	const most = maxOctets * maxText
	ascii, other := bytes.Repeat([]byte("ab\r\n"), most/4+1), bytes.Repeat([]byte("h\xe9h\xe9\r\n"), most/6+1)
	readable := bytes.Repeat([]byte("ab\r\n"), maxText/4)
	for _, tt := range []struct {
		name, fields, body string
		octets             []byte
		head               string
		kept               bool
	}{
		{"ASCII", "Content-Type: text/csv\r\nContent-Transfer-Encoding: base64\r\n", inBase64(ascii, "\r\n"), ascii, digested + "base64\n\n", false},
		{"a charset", "Content-Type: text/csv; charset=ISO-8859-1\r\nContent-Transfer-Encoding: Base64\r\n", inBase64(other, "\r\n"), other, digested + "Base64\niso-8859-1\n", false},
		{"quoted", "Content-Type: text/csv\r\nContent-Transfer-Encoding: quoted-printable\r\n", inQuoted(ascii), ascii, digested + "quoted-printable\n\n", false},
		{"no type", "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n", inBase64(other, "\r\n"), other, digested + "base64\n" + Untyped + "\n", false},
		{"no type, ASCII", "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n", inBase64(ascii, "\r\n"), ascii, digested + "base64\n\n", false},
		{"within bounds", "Content-Type: text/csv\r\nContent-Transfer-Encoding: quoted-printable\r\n", inQuoted(readable), readable, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Dissect([]byte("From: a@a.example\r\nMIME-Version: 1.0\r\n"+tt.fields+"\r\n"+tt.body), nil)
			c, exact := componentOf(d, Attachment), componentOf(d, AttachmentOctets)
			if (exact.large == nil) != tt.kept {
				t.Fatalf("kept: %v", exact.large == nil)
			}
			digest := exact.Digest()
			if want := append([]byte(tt.head), digest[:]...); tt.head != "" && !bytes.Equal(c.Content(), want) {
				t.Errorf("content %q, want %q", c.Content(), want)
			}
			isContent(t, exact, digest, tt.octets)
		})
	}
}
