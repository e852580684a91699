package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// aliases are names of charsets that mail uses and the registries do not have. They count when mail
// is shown and searched; the components of version 1 were made without them, and those of version 2
// hold such text by its octets.
var aliases = map[string]string{
	"cp932": "shift_jis", "cp-932": "shift_jis", "ms_kanji": "shift_jis", "windows-932": "shift_jis",
	"windows-31j": "shift_jis", "ms932": "shift_jis", "x-ms-cp932": "shift_jis", "eucjp-ms": "euc-jp", "cp51932": "euc-jp", "eucjp": "euc-jp", "ujis": "euc-jp",
	"cp936": "gbk", "ms936": "gbk", "windows-936": "gbk", "euc-cn": "gb2312", "euccn": "gb2312", "x-euc-cn": "gb2312", "gb2312-80": "gb2312",
	"cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "x-windows-949": "euc-kr", "euckr": "euc-kr", "euc_kr": "euc-kr",
	"cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp",
	"cp950": "big5", "ms950": "big5", "x-windows-950": "big5",
	"cp874": "windows-874", "cp-1250": "windows-1250", "cp-1251": "windows-1251", "cp-1252": "windows-1252",
	"win-1250": "windows-1250", "win-1251": "windows-1251", "win-1252": "windows-1252", "win1251": "windows-1251", "win1252": "windows-1252",
	"windows1250": "windows-1250", "windows1251": "windows-1251", "windows1252": "windows-1252", "ansi": "windows-1252",
	"latin-1": "iso-8859-1", "8859-1": "iso-8859-1", "latin-2": "iso-8859-2", "latin-9": "iso-8859-15", "mac": "macintosh", "mac-roman": "macintosh",
	"iso-latin-1": "iso-8859-1", "us_ascii": "us-ascii", "cp65001": "utf-8", "65001": "utf-8", "utf-8mb4": "utf-8",
	"utf_8": "utf-8", "utf8mb4": "utf-8", "utf-8-mac": "utf-8", "646": "us-ascii", "iso646-us": "us-ascii",
}

// decodeShown is decodeCharset with the aliases and UTF-7.
func decodeShown(charset string, b []byte) []byte {
	charset = strings.ToLower(strings.Trim(charset, " \t\"'"))
	if isUTF7(charset) {
		return decodeUTF7(b)
	}
	if name := aliases[charset]; name != "" {
		charset = name
	}
	return decodeCharset(charset, b)
}

func isUTF7(charset string) bool {
	return charset == "utf-7" || charset == "utf7" || charset == "unicode-1-1-utf-7" || charset == "csutf7"
}

// knownWords gives the encoded words of a field charsets by which decodeWords knows them.
func knownWords(value string) string {
	if !strings.Contains(value, "=?") {
		return value
	}
	var out strings.Builder
	for {
		start := strings.Index(value, "=?")
		if start < 0 {
			break
		}
		out.WriteString(value[:start])
		value = value[start:]
		name, _, _ := strings.Cut(value[2:min(len(value), 2+maxCharsetName)], "?")
		charset, _, _ := strings.Cut(strings.ToLower(name), "*")
		switch {
		case aliases[charset] != "":
			out.WriteString("=?" + aliases[charset])
			value = value[2+len(name):]
			continue
		case isUTF7(charset):
			if word, ok, _ := parseWord(value); ok {
				out.WriteString("=?utf-8?B?" + base64.StdEncoding.EncodeToString(decodeUTF7(word.bytes)) + "?=")
				value = value[word.length:]
				continue
			}
		}
		out.WriteString("=?")
		value = value[2:]
	}
	return out.String() + value
}

func knownValues(list []string) []string {
	known := make([]string, len(list))
	for i, value := range list {
		known[i] = knownWords(value)
	}
	return known
}

// decodeUTF7 decodes UTF-7 (RFC 2152). What is wrong in it becomes U+FFFD or stays as it is.
func decodeUTF7(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/2)
	for i := 0; i < len(b); {
		c := b[i]
		i++
		switch {
		case c >= utf8.RuneSelf:
			out = utf8.AppendRune(out, utf8.RuneError)
			continue
		case c != '+':
			out = append(out, c)
			continue
		}
		end := i
		for end < len(b) && base64Value[b[end]] {
			end++
		}
		ended := end < len(b) && b[end] == '-'
		if end == i {
			out = append(out, '+') // "+-", or a plus that starts nothing
		} else {
			out = appendUTF16(out, b[i:end])
		}
		if i = end; ended {
			i++
		}
	}
	return out
}

// appendUTF16 appends the characters that base64 of UTF-16, big-endian and without padding, has.
func appendUTF16(out, chars []byte) []byte {
	octets := make([]byte, base64.RawStdEncoding.DecodedLen(len(chars)))
	if len(chars)%4 == 1 {
		chars = chars[:len(chars)-1]
	}
	n, _ := base64.RawStdEncoding.Decode(octets, chars)
	for i := 0; i+1 < n; i += 2 {
		r := rune(octets[i])<<8 | rune(octets[i+1])
		if utf16.IsSurrogate(r) && i+3 < n {
			if both := utf16.DecodeRune(r, rune(octets[i+2])<<8|rune(octets[i+3])); both != utf8.RuneError {
				r = both
				i += 2
			}
		}
		out = utf8.AppendRune(out, r) // a lone surrogate becomes U+FFFD
	}
	return out
}
