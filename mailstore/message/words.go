package message

import "strings"

// decodeWords decodes the encoded words (RFC 2047) in an unfolded header value, and raw 8-bit text
// as decodeCharset does. More is accepted than the standard allows, because mail programs show it
// decoded: words inside quotes or joined to other text, spaces inside a word, characters split
// between adjacent words.
func decodeWords(s string) string { return decodeWordsBy(s, decodeCharset) }

// decodeWordsBy is decodeWords with what decodes a charset; "" is what stands between words.
func decodeWordsBy(s string, decode func(charset string, b []byte) []byte) string {
	if !strings.Contains(s, "=?") {
		return string(decode("", []byte(s)))
	}
	var out strings.Builder
	var charset string // of the bytes in pending
	var pending []byte // decoded words that may go on in the next one
	closed := true     // a "?=" may be left in s
	flush := func() {
		out.Write(decode(charset, pending))
		pending = pending[:0]
	}
	for s != "" {
		start := strings.Index(s, "=?")
		if start < 0 {
			break
		}
		var word encodedWord
		var ok bool
		if closed {
			word, ok, closed = parseWord(s[start:])
		}
		gap := s[:start]
		if !ok {
			flush()
			out.Write(decode("", []byte(s[:start+2])))
			s = s[start+2:]
			continue
		}
		joined := len(pending) > 0 && strings.TrimSpace(gap) == "" // white space between words is not shown
		if !joined || !strings.EqualFold(charset, word.charset) {
			flush()
			if !joined {
				out.Write(decode("", []byte(gap)))
			}
		}
		charset, pending = word.charset, append(pending, word.bytes...)
		s = s[start+word.length:]
	}
	flush()
	out.Write(decode("", []byte(s)))
	return out.String()
}

type encodedWord struct {
	charset string
	bytes   []byte
	length  int // in the input
}

const maxCharsetName = 64

// parseWord reads the encoded word at the start of s: =?charset[*language]?B|Q?text?=. closed is
// false if it found that no "?=" is left.
func parseWord(s string) (w encodedWord, ok, closed bool) {
	head := s[2:min(len(s), 2+maxCharsetName)]
	i := strings.IndexByte(head, '?')
	if i < 1 || len(s) < 2+i+3 || s[2+i+2] != '?' || !strings.ContainsRune("BbQq", rune(s[2+i+1])) {
		return w, false, true
	}
	w.charset, _, _ = strings.Cut(head[:i], "*") // RFC 2231, section 5
	text := s[2+i+3:]
	end := strings.Index(text, "?=")
	if end < 0 {
		return w, false, false
	}
	w.length = 2 + i + 3 + end + 2
	text = text[:end]
	inB := s[2+i+1]|0x20 == 'b'
	if _, inside := paddingInside([]byte(text)); inB && inside { // shown in part by some mail programs: so it counts as it stands
		return w, false, true
	}
	w.bytes = wordOctets(inB, text)
	return w, true, true
}

// wordOctets decodes the text of an encoded word in B, else Q.
func wordOctets(inB bool, text string) []byte {
	if inB {
		return decodeBase64([]byte(text))
	}
	return decodeQuoted([]byte(strings.ReplaceAll(text, "_", " ")))
}
