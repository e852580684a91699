package grammar

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Labels of text that needs none: LabelNone of UTF-8 and ASCII, which all programs show alike.
// labelOther is never the name of a charset.
const (
	LabelNone  = ""
	labelOther = "\x00"
)

// charset is one that programs decode alike.
type charset struct {
	single *charmap.Charmap  // nil for one of several octets
	multi  encoding.Encoding // nil for one of one octet
	shifts bool              // octets of ASCII may mean something else
	c1     bool              // octets 0x80 to 0x9f are letters in it
}

var charsets = map[string]charset{
	"iso-8859-1": {single: charmap.ISO8859_1}, "latin1": {single: charmap.ISO8859_1}, "iso8859-1": {single: charmap.ISO8859_1},
	"iso-8859-2": {single: charmap.ISO8859_2}, "iso-8859-3": {single: charmap.ISO8859_3}, "iso-8859-4": {single: charmap.ISO8859_4},
	"iso-8859-5": {single: charmap.ISO8859_5}, "iso-8859-6": {single: charmap.ISO8859_6}, "iso-8859-7": {single: charmap.ISO8859_7},
	"iso-8859-8": {single: charmap.ISO8859_8}, "iso-8859-9": {single: charmap.ISO8859_9}, "iso-8859-10": {single: charmap.ISO8859_10},
	"iso-8859-13": {single: charmap.ISO8859_13}, "iso-8859-14": {single: charmap.ISO8859_14}, "iso-8859-15": {single: charmap.ISO8859_15},
	"iso-8859-16":  {single: charmap.ISO8859_16},
	"windows-1250": {single: charmap.Windows1250, c1: true}, "windows-1251": {single: charmap.Windows1251, c1: true},
	"windows-1252": {single: charmap.Windows1252, c1: true}, "windows-1253": {single: charmap.Windows1253, c1: true},
	"windows-1254": {single: charmap.Windows1254, c1: true}, "windows-1255": {single: charmap.Windows1255, c1: true},
	"windows-1256": {single: charmap.Windows1256, c1: true}, "windows-1257": {single: charmap.Windows1257, c1: true},
	"windows-1258": {single: charmap.Windows1258, c1: true}, "koi8-r": {single: charmap.KOI8R, c1: true}, "koi8-u": {single: charmap.KOI8U, c1: true},
	"gb2312": {multi: simplifiedchinese.GBK}, "gbk": {multi: simplifiedchinese.GBK}, "gb18030": {multi: simplifiedchinese.GB18030},
	"big5": {multi: traditionalchinese.Big5}, "euc-jp": {multi: japanese.EUCJP}, "euc-kr": {multi: korean.EUCKR},
	"ks_c_5601-1987": {multi: korean.EUCKR},
	"shift_jis":      {multi: japanese.ShiftJIS, shifts: true}, "iso-2022-jp": {multi: japanese.ISO2022JP, shifts: true},
}

// moot are charsets of one octet for each character whose text programs show differently: right to
// left as it is read or as it is seen (RFC 1556), by tables that differ in a letter, or not at all
// where they have none.
var moot = []string{"iso-8859-6", "iso-8859-8", "iso-8859-16", "koi8-u", "windows-1255"}

// labels are the names of charsets, ascending; singles those of one octet for each character that
// are not moot.
var labels, singles = func() (all, single []string) {
	for name, set := range charsets {
		all = append(all, name)
		if set.single != nil && !slices.Contains(moot, name) {
			single = append(single, name)
		}
	}
	slices.Sort(all)
	slices.Sort(single)
	return slices.Clip(all), slices.Clip(single)
}()

// Labels returns the names of all charsets but UTF-8 and ASCII that Text can decode, ascending. The
// slice must not be changed.
func Labels() []string { return labels }

// SingleLabels returns those of Labels that have one octet for each character and one table that
// all programs have. The slice must not be changed.
func SingleLabels() []string { return singles }

// Text decodes text in a charset strictly: every octet has to mean something in it, and all
// programs the same. label is LabelNone if the text would be the same as UTF-8, else the charset.
func Text(name string, b []byte) (text []byte, label string, ok bool) {
	name = strings.ToLower(name)
	switch name {
	case "", "us-ascii", "ascii":
		return b, LabelNone, PlainASCII(b)
	case "utf-8", "utf8":
		return b, LabelNone, utf8.Valid(b)
	}
	set, known := charsets[name]
	switch {
	case !known:
		return nil, labelOther, false
	case PlainASCII(b) && (!set.shifts || !bytes.ContainsAny(b, "\\~")):
		return b, LabelNone, true
	case set.single != nil:
		text, ok = decodeSingle(set, b)
	default:
		text, ok = decodeMulti(set.multi, b)
	}
	return text, name, ok
}

// Lenient decodes text in a charset of Labels as programs do that know it: what means nothing in it
// is U+FFFD.
func Lenient(name string, b []byte) (text []byte, ok bool) {
	set, ok := charsets[strings.ToLower(name)]
	switch {
	case !ok, set.single == nil && set.multi == nil:
		return nil, false
	case PlainASCII(b) && !set.shifts:
		return b, true
	case set.single != nil:
		for _, c := range b {
			text = utf8.AppendRune(text, set.single.DecodeByte(c))
		}
		return text, true
	}
	text, err := set.multi.NewDecoder().Bytes(b)
	return text, err == nil
}

// Known reports whether Text knows a charset, which it does of those alone in which a line end is
// one.
func Known(name string) bool {
	_, label, _ := Text(name, nil)
	return label != labelOther
}

// KeepsASCII reports whether all programs show octets of ASCII as ASCII, wherever they stand in
// text of that charset.
func KeepsASCII(name string) bool {
	name = strings.ToLower(name)
	set, known := charsets[name]
	return known && !set.shifts || slices.Contains([]string{"", "us-ascii", "ascii", "utf-8", "utf8"}, name)
}

// Encode is the inverse of Text for charsets of one octet: ok is false for any other, and for text
// that has characters which are not in it.
func Encode(name string, text []byte) (b []byte, ok bool) {
	set, known := charsets[strings.ToLower(name)]
	if !known || set.single == nil {
		return nil, false
	}
	b, err := set.single.NewEncoder().Bytes(text)
	return b, err == nil
}

// PlainASCII reports whether b is ASCII without the controls that shift between charsets.
func PlainASCII(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] { // most octets are neither controls nor beyond ASCII
		octets := binary.LittleEndian.Uint64(b)
		if octets&highs != 0 || (octets-' '*ones)&highs != 0 && !isPlainASCII(b[:8]) {
			return false
		}
	}
	return isPlainASCII(b)
}

func isPlainASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1b || c == 0x0e || c == 0x0f {
			return false
		}
	}
	return true
}

func decodeSingle(set charset, b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b)+len(b)/2)
	for _, c := range b {
		if c < 0x80 {
			out = append(out, c)
			continue
		}
		r := set.single.DecodeByte(c)
		if r == utf8.RuneError || r < 0xa0 || c < 0xa0 && !set.c1 {
			return nil, false
		}
		out = utf8.AppendRune(out, r)
	}
	return out, true
}

func decodeMulti(e encoding.Encoding, b []byte) ([]byte, bool) {
	text, err := e.NewDecoder().Bytes(b)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return nil, false
	}
	back, err := e.NewEncoder().Bytes(text)
	return text, err == nil && bytes.Equal(back, b)
}
