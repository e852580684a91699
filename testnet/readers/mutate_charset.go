package readers

import (
	"strings"
)

// charsets change what text is said to be, or what it is.
func charsets() []mutation {
	var list []mutation
	labels := []struct{ name, label string }{
		{"latin1", "iso-8859-1"}, {"latin2", "iso-8859-2"}, {"greek", "iso-8859-7"},
		{"latin15", "iso-8859-15"},
		{"koi8r", "koi8-r"}, {"cp1251", "windows-1251"}, {"cp1252", "windows-1252"},
		{"ascii", "us-ascii"},
		{"utf8", "utf-8"}, {"utf7", "utf-7"}, {"utf16", "utf-16"}, {"utf16le", "utf-16le"},
		{"utf32", "utf-32"},
		{"ebcdic", "ebcdic-us"}, {"cp037", "cp037"}, {"big5", "big5"}, {"gb", "gb18030"},
		{"sjis", "shift_jis"},
		{"iso2022jp", "iso-2022-jp"}, {"hz", "hz-gb-2312"}, {"euckr", "euc-kr"},
		{"unknown", "x-unknown"},
		{"unknown-8bit", "unknown-8bit"}, {"binary", "binary"}, {"macintosh", "macintosh"},
		{"viscii", "viscii"},
		{"empty", `""`}, {"quoted", `"utf-8"`}, {"single-quotes", "'utf-8'"},
		{"space-quoted", `" utf-8 "`},
		{"comment", "utf-8 (iso-8859-1)"}, {"comment-before", "(x)utf-8"},
		{"text-behind", "utf-8 iso-8859-1"},
		{"encoded-word", "=?utf-8?Q?utf-7?="}, {"upper", "UTF-8"}, {"utf8-nodash", "utf8"},
		{"doubled", "utf-8; charset=koi8-r"}, {"doubled-back", "koi8-r; charset=utf-8"},
		{"star", "utf-8; charset*=us-ascii''koi8-r"}, {"quoted-pair", `"utf\-8"`},
		{"lone-quote", `"utf-8`},
		{"semicolon", "utf-8;"}, {"nul", "utf-8\x00x"}, {"underscore", "utf_8"},
		{"alias", "latin1"}, {"cp65001", "cp65001"},
		{"hidden-boundary", "utf-8; boundary=x"},
	}
	for _, l := range labels {
		list = append(list, tree("label-"+l.name, func(d dice, root *entity) bool {
			e := one(d, root.texts())
			if e == nil {
				return false
			}
			e.relabel(l.label)
			return true
		}))
	}
	list = append(list, tree("label-dropped", func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil {
			return false
		}
		e.set("Content-Type", e.kind())
		return true
	}), tree("label-in-disposition", func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil {
			return false
		}
		e.set("Content-Disposition", "inline; charset=koi8-r")
		return true
	}))
	return append(append(list, textEdits()...), flowedEdits()...)
}

// flowedEdits change how lines are joined (RFC 3676).
func flowedEdits() []mutation {
	var list []mutation
	for _, p := range []string{"format=flowed", "format=flowed; delsp=yes", "format=fixed",
		"Format=Flowed; DelSp=Yes", "format=\"flowed\"", "reply-type=original"} {
		list = append(list, tree("parameter-"+strings.ReplaceAll(p, "; ", "+"), func(d dice,
			root *entity) bool {
			e := one(d, root.texts())
			if e == nil || e.kind() != "text/plain" || e.value("Content-Type") == "" {
				return false
			}
			kind, rest, _ := strings.Cut(e.value("Content-Type"), ";")
			kept := ""
			for q := range strings.SplitSeq(rest, ";") {
				if n := strings.ToLower(strings.TrimSpace(q)); n != "" && !strings.HasPrefix(n,
					"format") && !strings.HasPrefix(n, "delsp") {
					kept += ";" + q
				}
			}
			e.set("Content-Type", kind+kept+"; "+p)
			return true
		}))
	}
	return append(list, tree("flowed-rewrapped", func(d dice, root *entity) bool {
		e := one(d, root.texts())
		if e == nil || !strings.Contains(e.value("Content-Type"), "format=flowed") ||
			!strings.Contains(e.body, " "+crlf) {
			return false
		}
		e.body = strings.Replace(e.body, " "+crlf, " ", 1)
		return true
	}))
}
