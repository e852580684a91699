package grammar

import "bytes"

// agreed reports whether text that a charset decodes strictly is decoded to the same characters by
// all programs. Tables differ in what vendors have added to a charset and in a few symbols. Where
// the label of a charset is part of what is compared (Text) that does not matter; in encoded words
// and file names, which have none, it does.
func agreed(name string, b []byte) bool {
	switch name {
	case "koi8-u":
		return bytes.IndexByte(b, 0xae) < 0 && bytes.IndexByte(b, 0xbe) < 0
	case "windows-1255":
		return bytes.IndexByte(b, 0xca) < 0
	case "iso-2022-jp":
		return agreedShifts(b)
	case "iso-8859-6", "iso-8859-8", "iso-8859-16":
		return PlainASCII(b) // moot
	case "windows-1258", "ks_c_5601-1987", "gb18030":
		return false // a last letter is held back for a mark; not all programs know the names
	}
	pair := pairs[name]
	if pair == nil {
		return true
	}
	for i := 0; i < len(b); i++ {
		switch {
		case name == "shift_jis" && (b[i] == '\\' || b[i] == '~'):
			return false // a yen sign and an overline in some programs
		case b[i] < 0x80 || name == "shift_jis" && b[i] >= 0xa1 && b[i] <= 0xdf:
		case i+1 == len(b) || !pair(b[i], b[i+1]):
			return false
		default:
			i++
		}
	}
	return true
}

// pairs says of each charset with characters of two octets which of these all programs know.
var pairs = map[string]func(lead, trail byte) bool{
	"gb2312": func(lead, trail byte) bool {
		return trail >= 0xa1 && (lead >= 0xb0 && lead <= 0xf7 || lead >= 0xa3 && lead <= 0xa5 ||
			lead == 0xa1 && trail != 0xa4 && trail != 0xaa)
	},
	"gbk": gbkPair,
	"big5": func(lead, trail byte) bool {
		return lead >= 0xa4 && lead <= 0xc5 || lead >= 0xc9 && lead <= 0xf8 ||
			lead == 0xa1 && trail <= 0x7e && trail != 0x45 && trail != 0x4e
	},
	"euc-kr": koreanPair,
	"euc-jp": japanesePair,
	"shift_jis": func(lead, trail byte) bool {
		if lead == 0x81 {
			return bytes.IndexByte([]byte{0x5f, 0x60, 0x61, 0x7c, 0x91, 0x92, 0xca}, trail) < 0
		}
		return lead == 0x82 || lead == 0x83 || lead >= 0x88 && lead <= 0x9f ||
			lead >= 0xe0 && lead <= 0xea
	},
}

func gbkPair(lead, trail byte) bool {
	return trail >= 0x40 && lead != 0x80 && lead != 0xa6 && lead != 0xa8 && lead != 0xa9 &&
		lead < 0xfe && !(lead == 0xa1 && (trail == 0xa4 || trail == 0xaa)) && !(lead == 0xa2 && trail <= 0xaa)
}

func koreanPair(lead, trail byte) bool {
	return trail >= 0xa1 && (lead >= 0xb0 && lead <= 0xfd || lead == 0xa1 || lead == 0xa3)
}

// japanesePair takes a character of JIS X 0208 as EUC-JP has it.
func japanesePair(lead, trail byte) bool {
	if lead == 0xa1 {
		return bytes.IndexByte([]byte{0xc0, 0xc1, 0xc2, 0xdd, 0xf1, 0xf2}, trail) < 0
	}
	return lead >= 0xa3 && lead <= 0xa7 || lead >= 0xb0 && lead <= 0xf4
}

// agreedShifts takes ISO-2022-JP that shifts between ASCII and JIS X 0208 alone.
func agreedShifts(b []byte) bool {
	double := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == 0x1b:
			if i+2 >= len(b) {
				return false
			}
			switch string(b[i+1 : i+3]) {
			case "(B":
				double = false
			case "$B":
				double = true
			default:
				return false
			}
			i += 2
		case double:
			if i+1 == len(b) || !japanesePair(b[i]|0x80, b[i+1]|0x80) {
				return false
			}
			i++
		case b[i] == '\\' || b[i] == '~':
			return false
		}
	}
	return true
}
