package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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

// TestLargeAttachment: an attachment in base64 that is not kept decoded counts by what it decodes
// to.
func TestLargeAttachment(t *testing.T) {
	binary := make([]byte, 3*maxText+1)
	rand.NewChaCha8([32]byte{1}).Read(binary)
	lines := bytes.Repeat([]byte("0123456\r\r\r\r\r\n"), maxText/8) // few but for their CRs
	for _, tt := range []struct {
		name, kind, body string
		reading          Reading
		content          []byte
		kept             bool // as it is decoded, or as it stands
	}{
		{"octets", "application/zip", inBase64(binary, "\r\n"), Canonical, binary, false},
		{"LF", "application/zip", inBase64(binary, "\n"), Canonical, binary, false},
		{"one more", "image/png", inBase64(append(binary, 'x'), "\r\n"), Canonical, append(binary, 'x'), false},
		{"empty lines behind", "image/png", inBase64(binary[1:], "\r\n") + "\r\n\r\n", Canonical, binary[1:], false},
		{"text of another type", "application/pgp", inBase64(bytes.Repeat([]byte("ab\r\n"), maxText), "\r\n"), Canonical, bytes.Repeat([]byte("ab\r\n"), maxText), false},
		{"lines", "application/pgp", inBase64(lines, "\r\n"), Canonical, bytes.TrimRight(unixEnds(lines), "\n"), true},
		{"no base64", "application/zip", inBase64(binary, "\r\n") + "!", AsOctets, nil, true},
		{"no base64 amid", "application/zip", inBase64(binary[:maxText], "\r\n") + "====\r\n" + inBase64(binary, "\r\n"), AsOctets, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Dissect([]byte("From: a@a.example\r\nMIME-Version: 1.0\r\nContent-Type: "+tt.kind+"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+tt.body), nil)
			i := slices.IndexFunc(d.Body().Components, func(c Component) bool { return c.Type == Attachment })
			c := &d.Body().Components[i]
			digest := c.Digest()
			if c.Reading != tt.reading || (c.large == nil) != tt.kept {
				t.Fatalf("reading %d, kept: %v", c.Reading, c.large == nil)
			}
			if tt.content == nil {
				return
			}
			want := sha256.Sum256(slices.Concat([]byte{byte(Canonical)}, tt.content))
			if digest != want || c.Size() != len(tt.content) {
				t.Errorf("digest %x of %d octets, want %x of %d", digest, c.Size(), want, len(tt.content))
			}
			if c.large != nil && c.large.octets != nil {
				t.Error("digest and size decoded it")
			}
			if !bytes.Equal(c.Content(), tt.content) {
				t.Error("another content")
			}
			if other := c.WithContent([]byte("x")); other.Digest() != DigestOf(Canonical, []byte("x"), "") || other.Size() != 1 {
				t.Error("another content has the digest or size of the first one")
			}
		})
	}
}
