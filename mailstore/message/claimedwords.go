package message

import (
	"bytes"
	"regexp"
	"strings"

	"cairn/mailstore/message/grammar"
)

// charsetName is what is known of the name in an encoded word.
type charsetName struct {
	name  string // by which grammar knows the charset, else in small letters
	other bool   // octets of ASCII may be something else in it
}

// charsetNamed is what the name in an encoded word says, with the language behind it (RFC 2231, section
// 5).
func charsetNamed(written string) charsetName {
	name, _, _ := strings.Cut(written, "*")
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if alias := aliases[name]; alias != "" {
		name = alias
	}
	odd := name == "" || len(written) >= maxCharsetName
	if !grammar.Known(name) && !isUTF7(name) && name != korean && (len(name) >= maxCharsetName || !asciiCharsets.MatchString(name)) {
		return charsetName{name, true}
	}
	return charsetName{name, odd}
}

// decodeAuthor decodes an encoded word for the domains in it: as programs do that know its charset, else as
// its octets, of which those of ASCII are what they are in all charsets that are asciiCharsets.
func decodeAuthor(charset charsetName, b []byte) []byte {
	if isUTF7(charset.name) {
		return decodeUTF7(b)
	}
	if charset.name == korean {
		charset.name, b = "euc-kr", unshifted(b)
	}
	if text, ok := grammar.Lenient(charset.name, b); ok {
		return text
	}
	return asOctets(b)
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

// octetsAsTheyAre is what programs show that know no charset.
func octetsAsTheyAre(_ charsetName, b []byte) []byte { return asOctets(b) }

// asOctets reads b as UTF-8 if it is that, else one octet for each character.
func asOctets(b []byte) []byte { return guess(false, b) }

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
