package message

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

// charsetName is what is known of the name in an encoded word.
type charsetName struct {
	name  string // by which grammar knows the charset, else in small letters
	other bool   // octets of ASCII may be something else in it
}

// charsetNamed is what the name in an encoded word says, with the language behind it (RFC 2231,
// section 5). What is no name of a charset or a language may be either to some program: perl finds
// that of a code page at the end of anything.
func charsetNamed(written string) charsetName {
	name, _, _ := strings.Cut(written, "*")
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if alias := aliases[name]; alias != "" {
		name = alias
	}
	odd := name == "" || len(written) >= maxCharsetName || !withLanguage.MatchString(written)
	if !grammar.Known(name) && !isUTF7(name) && name != korean && (len(name) >= maxCharsetName || !asciiCharsets.MatchString(name)) {
		return charsetName{name, true}
	}
	if known := bareCharsets[notBare.ReplaceAllString(name, "")]; known != "" {
		name = known
	}
	return charsetName{name, odd}
}

var (
	withLanguage = regexp.MustCompile(`^[^*]*(?:\*[A-Za-z]{1,8}(?:-[A-Za-z]{1,8})*)?$`)
	notBare      = regexp.MustCompile(`^(?:x-|cs)|(?:[-_:](?:19|20)\d\d|-[ei])$|[-_:]`)
)

// bareCharsets are the charsets that grammar knows by names of asciiCharsets, without what is
// notBare.
var bareCharsets = func() map[string]string {
	bare := map[string]string{
		"hebrew": "iso-8859-8", "isolatinhebrew": "iso-8859-8", "isoir138": "iso-8859-8", "arabic": "iso-8859-6", "isolatinarabic": "iso-8859-6", "isoir127": "iso-8859-6",
		"greek": "iso-8859-7", "greek8": "iso-8859-7", "isolatingreek": "iso-8859-7", "isoir126": "iso-8859-7",
		"cyrillic": "iso-8859-5", "isolatincyrillic": "iso-8859-5", "isoir144": "iso-8859-5",
		"gb231280": "gb2312", "big5hkscs": "big5", "big5eten": "big5", "big52003": "big5", "korean": "euc-kr", "ksc5601": "euc-kr",
		"sjis": "shift_jis", "jisx0201": "shift_jis", "macjapanese": "shift_jis", "mackorean": "euc-kr", "macchinesesimp": "gb2312", "macchinesetrad": "big5",
		"utf8": "utf-8", "unicode11utf8": "utf-8", "ascii": "us-ascii", "usascii": "us-ascii", "ansix3.4": "us-ascii",
		"latin1": "iso-8859-1", "isolatin1": "iso-8859-1", "isoir100": "iso-8859-1", "l1": "iso-8859-1", "iso88591": "iso-8859-1",
	}
	for _, label := range grammar.Labels() {
		name := notBare.ReplaceAllString(label, "")
		if bare[name] == "" {
			bare[name] = label
		}
		if page, ok := strings.CutPrefix(name, "windows"); ok {
			bare["cp"+page], bare["ms"+page], bare["win"+page] = label, label, label
		}
	}
	return bare
}()

// decodeAuthor decodes an encoded word for the domains in it: as programs do that know its charset,
// else as its octets, of which those of ASCII are what they are in all charsets that are
// asciiCharsets.
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

// unshifted is text in ISO-2022-KR (RFC 1557) as EUC-KR: what stands between SO and SI with the
// high bit set.
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

// withoutOddOctets decodes as decodeAuthor does, but without octets beyond ASCII, which are nothing
// that is seen to programs that do not know the charset, unless they are UTF-8.
func withoutOddOctets(charset charsetName, b []byte) []byte {
	if charset.name != "utf-8" || !utf8.Valid(b) {
		b = slices.DeleteFunc(slices.Clone(b), func(c byte) bool { return c >= utf8.RuneSelf })
	}
	return decodeAuthor(charset, b)
}

// asOctets reads b as UTF-8 if it is that, else one octet for each character.
func asOctets(b []byte) []byte { return guess(false, b) }

// asciiCharsets are charsets that are not known, or by other names, in which octets of ASCII mean
// ASCII alone and no other octets do. In what is none of them, as EBCDIC or UTF-16, anything can be
// written, and is read by the programs that know it.
var asciiCharsets = regexp.MustCompile(`^(?:x-|cs)?(?:` + strings.Join([]string{
	`ansi_x3\.4-19[68][68]`, `ascii`, `us-?ascii`, `unknown(?:-8bit)?`, `unknown-?7bit`, `user-?defined`, `default(?:_charset)?`, `[78]bit`, `binary`, `none`, `(?:unicode-1-1-)?utf-?8`,
	`iso[-_]?(?:ir-(?:6|10[019]|110|12[67]|138|14[48]|157|166|179|199|203|226)|8859[-_]?\d{1,2}(?:[-_:](?:19|20)\d\d|-[ei])?)`, `isolatin(?:\d|arabic|greek|hebrew|cyrillic)`, `latin-?\d{1,2}`, `l\d{1,2}`, `arabic`, `greek8?`, `hebrew`, `cyrillic`,
	`(?:win(?:dows)?|cp|ms)[-_]?(?:125\d|874)`, `(?:cp|ibm)-?(?:437|720|737|775|85\d|86\d|1125|00858)`, `koi8(?:-?(?:r|u|ru|t|e))?`,
	`mac[-_]?(?:ce|centeuro|centraleurope|centralroman|roman|latin2|cyrillic|ukrain(?:e|ian)|greek|turkish|thai|romanian?|croatian|iceland(?:ic)?|japanese|korean|chinese(?:simp|trad))`, `macintosh`, `gb[-_]?2312(?:-80)?`, `gbk`, `gb18030`, `big5(?:[-_](?:hkscs|eten|2003))?`, `euc-?(?:jp|kr|cn)`, `euc_jp`, `ks_?c_?5601(?:[-_]1987)?`,
	`korean`, `shift[-_]?jis`, `sjis`, `tis-?620`, `viscii(?:1\.1-1)?`, `tcvn(?:-?5712(?:-[12])?(?::1993)?|-?3)?`, `georgian-(?:ps|academy)`, `hp-roman8`, `roman8`, `nextstep`, `jis_?x0201`,
}, "|") + `)$`)
