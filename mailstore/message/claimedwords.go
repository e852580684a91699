package message

import (
	"bytes"
	"regexp"
	"strings"

	"cairn/mailstore/message/grammar"
)

// decodeAuthor decodes an encoded word for the domains in it: as programs do that know its charset, else as
// its octets, of which those of ASCII are what they are in all charsets that are asciiCharsets.
func decodeAuthor(charset string, b []byte) []byte {
	charset = knownCharset(charset)
	if isUTF7(charset) {
		return decodeUTF7(b)
	}
	if charset == korean {
		charset, b = "euc-kr", unshifted(b)
	}
	if text, ok := grammar.Lenient(charset, b); ok {
		return text
	}
	return asOctets(charset, b)
}

const korean = "iso-2022-kr"

// unshifted is text in ISO-2022-KR (RFC 1557) as EUC-KR: what stands between SO and SI with the high bit set.
func unshifted(b []byte) []byte {
	var out []byte
	shifted := byte(0)
	for _, c := range bytes.ReplaceAll(b, []byte("\x1b$)C"), nil) {
		switch {
		case c == 0x0e:
			shifted = 0x80
		case c == 0x0f || c == '\n':
			shifted = 0
		case c > ' ' && c < 0x7f:
			out = append(out, c|shifted)
		default:
			out = append(out, c)
		}
	}
	return out
}

// asOctets reads b as UTF-8 if it is that, else one octet for each character.
func asOctets(_ string, b []byte) []byte { return guess(false, b) }

// knownCharset is the name by which grammar.Text knows a charset, if it does.
func knownCharset(charset string) string {
	charset = strings.ToLower(strings.Trim(charset, " \t\"'"))
	if name := aliases[charset]; name != "" {
		return name
	}
	return charset
}

// asciiCharsets are charsets that are not known, or by other names, in which octets of ASCII mean ASCII
// alone and no other octets do. In what is none of them, as EBCDIC or UTF-16, anything can be written,
// and is read by the programs that know it.
var asciiCharsets = regexp.MustCompile(`^(?:x-|cs)*(?:` + strings.Join([]string{
	`ansi_x3\.4-19[68][68]`, `ascii`, `us-?ascii`, `unknown(?:-8bit)?`, `unknown-?7bit`, `user-?defined`, `default(?:_charset)?`, `[78]bit`, `binary`, `none`, `(?:unicode-1-1-)?utf-?8`,
	`iso[-_]?(?:ir-\d+|8859[-_]?\d+(?:[-_:](?:19|20)\d\d|-[ei])?)`, `isolatin(?:\d|arabic|greek|hebrew|cyrillic)`, `latin-?\d+`, `l\d+`, `arabic`, `greek8?`, `hebrew`, `cyrillic`,
	`(?:win(?:dows)?|cp|ms)[-_]?(?:125\d|874)`, `(?:cp|ibm)-?(?:437|720|737|775|85\d|86\d|1125|00858)`, `koi8(?:-?(?:r|u|ru|t|e))?`,
	`mac[-_]?[a-z]*`, `macintosh`, `gb[-_]?2312(?:-80)?`, `gbk`, `gb18030`, `big5(?:[-_](?:hkscs|eten|2003))?`, `euc-?(?:jp|kr|cn|tw)`, `euc_jp`, `ks_?c_?5601(?:[-_]1987)?`,
	`korean`, `shift[-_]?jis`, `sjis`, `tis-?620`, `viscii(?:1\.1-1)?`, `tcvn\S*`, `armscii-8`, `georgian-(?:ps|academy)`, `hp-roman8`, `roman8`, `nextstep`, `jis_?x0201`,
}, "|") + `)$`)

// wordHead is what an encoded word begins with, to whoever takes most for one.
var wordHead = regexp.MustCompile(`=\?([^?]*)\?[BbQq]\?`)

// hasOtherWords reports whether a value has an encoded word whose octets of ASCII may be something else.
func hasOtherWords(value string) bool {
	for behind := value; ; {
		at := wordHead.FindStringSubmatchIndex(behind)
		if at == nil {
			return false
		}
		name, _, _ := strings.Cut(behind[at[2]:at[3]], "*") // RFC 2231, section 5
		if charset := knownCharset(name); !grammar.Known(charset) && !isUTF7(charset) && charset != korean && !asciiCharsets.MatchString(charset) {
			return true
		}
		behind = behind[at[1]-1:]
	}
}
