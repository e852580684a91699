package message

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

var bom = []byte("\xef\xbb\xbf")

// decodeCharset returns b as valid UTF-8 without a byte order mark. With no, an unknown or a wrong
// charset, bytes that are UTF-8 are taken as such and others as windows-1252, which is what mail
// programs do. The result may share b's memory.
func decodeCharset(charset string, b []byte) []byte {
	charset = strings.ToLower(strings.Trim(charset, " \t\"'"))
	switch charset {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "x-unknown", "default_charset", "unicode-1-1-utf-8":
		return guess(charset == "utf-8" || charset == "utf8", b)
	}
	if isASCII(b) && !modal(charset) {
		return b
	}
	encoding := encodingOf(charset)
	if encoding == nil {
		return guess(false, b)
	}
	out, err := encoding.NewDecoder().Bytes(b)
	// The WHATWG index maps some charsets to a decoder that gives one U+FFFD for any input: that
	// would hide the content.
	if err != nil || string(out) == "\uFFFD" && len(b) > 1 {
		return guess(false, b)
	}
	return bytes.TrimPrefix(validUTF8(out), bom)
}

// validUTF8 has U+FFFD for what is no UTF-8 in b, which it returns if there is nothing.
func validUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte("\uFFFD"))
}

// encodingOf finds an encoding by the names that IANA has for it, with or without "cs", or WHATWG;
// nil for none.
func encodingOf(charset string) encoding.Encoding {
	switch charset {
	case "ansi_x3.110-1983": // but for a few letters
		return charmap.ISO8859_1
	case "x-utf_8j":
		return unicode.UTF8
	}
	for _, name := range []string{charset, "cs" + charset} {
		if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
			return e
		}
	}
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil
	}
	return e
}

// guess takes b as UTF-8 when it is that or was declared so, else as windows-1252.
func guess(declared bool, b []byte) []byte {
	if utf8.Valid(b) {
		return bytes.TrimPrefix(b, bom)
	}
	if declared {
		return bytes.TrimPrefix(validUTF8(b), bom)
	}
	size := 0
	for _, c := range b {
		size += utf8.RuneLen(charmap.Windows1252.DecodeByte(c))
	}
	out := make([]byte, 0, size)
	for _, c := range b {
		out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(c))
	}
	return out
}

// modal reports whether ASCII bytes may mean something else in that charset.
func modal(charset string) bool {
	for _, prefix := range []string{"iso-2022", "utf-7", "utf-16", "utf16", "utf-32", "ucs", "unicode", "hz", "csiso2022", "iso-10646", "ebcdic", "ibm", "cp037", "cp1047", "x-utf-16", "csucs", "csunicode"} {
		if strings.HasPrefix(charset, prefix) {
			return true
		}
	}
	return false
}

// wide reports whether characters of that charset have several octets throughout.
func wide(charset string) bool {
	return modal(charset) && !slices.ContainsFunc([]string{"iso-2022", "csiso2022", "utf-7", "hz"}, func(prefix string) bool {
		return strings.HasPrefix(charset, prefix)
	})
}

// isASCII looks at eight octets at a time: bodies are long.
func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&highBits != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// highBits are the highest bits of eight octets.
const highBits = 0x8080808080808080

// characters is how many a text has, so that it is as long in UTF-8 as in a charset of single
// octets and with either line end: all octets, but in UTF-8 without those that go on a character,
// and without CRs. Of one longer than limit they are not counted: it is beyond a fourth of that.
func characters(charset string, b []byte, limit int) int {
	if len(b) > limit {
		return len(b)
	}
	n := len(b) - bytes.Count(b, []byte("\r"))
	if charset != "" && charset != "utf-8" && charset != "utf8" {
		return n
	}
	for ; len(b) >= 8; b = b[8:] {
		octets := binary.LittleEndian.Uint64(b)
		n -= bits.OnesCount64(octets & ^(octets << 1) & highBits)
	}
	for _, c := range b {
		if !utf8.RuneStart(c) {
			n--
		}
	}
	return n
}
