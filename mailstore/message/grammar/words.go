package grammar

import (
	"strings"
)

// Words reads the value of an unstructured field: printable ASCII, in which encoded words (RFC
// 2047) stand between white space, each whole by itself, in a known charset; one in B that another
// follows in whole groups of three octets, since some programs join the two and end at padding. The
// result is in Normalization Form C. White space is kept but for that between encoded words.
func Words(value string) (string, bool) {
	text, padded, ok := words(value)
	return text, ok && !padded
}

// PaddedWords is Words for a value that is outside of it for padding alone: most programs show what
// it returns.
func PaddedWords(value string) (string, bool) {
	text, padded, ok := words(value)
	return text, ok && padded
}

// words is Words where padded says that padding stands before another word in B.
func words(value string) (text string, padded, ok bool) {
	if !isPrintable(value) {
		return "", false, false
	}
	if !strings.Contains(value, "=?") {
		return value, false, true
	}
	var out strings.Builder
	encoded := false // the token before was an encoded word
	open := false    // and that in B, with padding
	gap := ""
	for rest := value; rest != ""; {
		blank := len(rest) - len(strings.TrimLeft(rest, " \t"))
		gap, rest = rest[:blank], rest[blank:]
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		token := rest[:end]
		rest = rest[end:]
		if !strings.Contains(token, "=?") {
			out.WriteString(gap)
			out.WriteString(token)
			encoded, open = false, false
			continue
		}
		text, ok := decodedWord(token)
		if !ok {
			return "", false, false
		}
		padded = padded || open && inB(token)
		if !encoded {
			out.WriteString(gap)
		}
		out.WriteString(text)
		encoded, open = true, inB(token) && strings.HasSuffix(token, "=?=")
	}
	text = string(Normal([]byte(out.String())))
	return text, padded, !strings.Contains(text, "=?")
}

// decodedWord decodes a token that is one encoded word, =?charset?B|Q?text?=, and nothing else.
func decodedWord(token string) (string, bool) {
	charset, raw, ok := encodedWord(token)
	if !ok {
		return "", false
	}
	text, label, ok := Text(charset, raw)
	if !ok || charset == "" || label == labelOther || !agreed(label, raw) || hasControl(string(text)) {
		return "", false
	}
	return string(text), true
}

// inB reports whether an encoded word is in the B encoding.
func inB(word string) bool {
	_, behind, _ := strings.Cut(word[len("=?"):], "?")
	return behind[0]|0x20 == 'b'
}

// hasControl reports whether s has a control character or one that ends a line.
func hasControl(s string) bool {
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return true
		}
	}
	return false
}

// WordOctets returns the octets of a token that is one encoded word, in whatever charset.
func WordOctets(token string) ([]byte, bool) {
	_, raw, ok := encodedWord(token)
	return raw, ok
}

func encodedWord(token string) (charset string, octets []byte, ok bool) {
	inner, ok := strings.CutPrefix(token, "=?")
	if !ok {
		return "", nil, false
	}
	if inner, ok = strings.CutSuffix(inner, "?="); !ok {
		return "", nil, false
	}
	parts := strings.Split(inner, "?")
	if len(parts) != 3 || parts[2] == "" {
		return "", nil, false
	}
	switch parts[1] {
	case "B", "b":
		octets, ok = Base64([]byte(parts[2]))
	case "Q", "q":
		octets, ok = wordQ(parts[2])
	default:
		return "", nil, false
	}
	return parts[0], octets, ok
}

// wordQ decodes the Q encoding (RFC 2047, section 4.2).
func wordQ(s string) ([]byte, bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=':
			if i+2 >= len(s) {
				return nil, false
			}
			b, ok := unhex(s[i+1], s[i+2])
			if !ok {
				return nil, false
			}
			out = append(out, b)
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out, true
}

// isPrintable reports whether s has printable ASCII, spaces and tabs alone.
func isPrintable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

func unhex(high, low byte) (byte, bool) {
	h, l := hexDigits[high], hexDigits[low]
	return h<<4 | l, h|l < 16
}

// hexDigits are the values of hexadecimal digits, 0xff for any other octet.
var hexDigits = func() (values [256]byte) {
	for c := range values {
		values[c] = 0xff
	}
	for i, c := range []byte("0123456789ABCDEF") {
		values[c] = byte(i)
		values[c|0x20] = byte(i)
	}
	return values
}()
