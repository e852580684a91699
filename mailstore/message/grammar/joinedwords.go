package grammar

import (
	"encoding/base64"
	"strings"
)

// leastFull is how long an encoded word is at least that an encoder filled: of at most 75
// characters (RFC 2047, section 2), four of base64 at a time, with a character of up to four octets
// left over.
const leastFull = 60

// JoinedWords returns a value with encoded words in B that have padding between them made one,
// which it says then by the grammar if it does at all. ok is false if there are none, or one that
// is not the last of its run could have been cut elsewhere: an encoder fills it, while who cuts it
// short chooses what programs show that end at the padding.
func JoinedWords(value string) (joined string, ok bool) {
	if !strings.Contains(value, "=?=") {
		return "", false
	}
	var out strings.Builder
	before := ""                // the encoded word in front
	last, lastCharset := "", "" // that in B, and its charset
	var octets []byte           // of words in B that become one
	flush := func() {
		if last != "" {
			out.WriteString("=?" + lastCharset + "?B?" + base64.StdEncoding.EncodeToString(octets) + "?=")
		}
		last, octets = "", nil
	}
	for rest := value; rest != ""; {
		blank := len(rest) - len(strings.TrimLeft(rest, " \t"))
		gap := rest[:blank]
		end := blank + strings.IndexAny(rest[blank:]+" ", " \t")
		token := rest[blank:end]
		rest = rest[end:]
		_, isWord := decodedWord(token)
		if isWord && before != "" && len(before) < leastFull {
			return "", false
		}
		if before = ""; isWord {
			before = token
		}
		if !isWord || !inB(token) {
			flush()
			out.WriteString(gap + token)
			continue
		}
		charset, raw, _ := encodedWord(token)
		if last != "" && strings.HasSuffix(last, "=?=") {
			if !strings.EqualFold(charset, lastCharset) {
				return "", false
			}
			ok = true
		} else {
			flush()
			out.WriteString(gap)
		}
		last, lastCharset, octets = token, charset, append(octets, raw...)
	}
	flush()
	return out.String(), ok
}
