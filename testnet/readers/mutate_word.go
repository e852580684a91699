package readers

import (
	"encoding/base64"
	"strings"
)

// wordEdits change the subject and encoded words.
func wordEdits() []mutation {
	var list []mutation
	for _, w := range []struct{ name, word string }{
		{"q", "=?utf-8?Q?evil?="}, {"b", "=?utf-8?B?ZXZpbA==?="},
		{"unknown-charset", "=?x-unknown?Q?evil?="}, {"unknown-encoding", "=?utf-8?X?evil?="},
		{"no-end", "=?utf-8?Q?evil"}, {"bad-base64", "=?utf-8?B?ZXZpb!?="},
		{"padding-missing", "=?utf-8?B?ZXZpbA?="}, {"padding-inside", "=?utf-8?B?ZXY=aWw=?="},
		{"bad-escape", "=?utf-8?Q?ev=XYil?="}, {"invalid", "=?utf-8?Q?=FF?="},
		{"utf7", "=?utf-7?Q?+AGUAdgBpAGw-?="}, {"utf16", "=?utf-16?B?/v8AZQB2?="},
		{"language", "=?utf-8*en?Q?evil?="}, {"lower", "=?utf-8?q?evil?="},
		{"space-inside", "=?utf-8?Q?ev il?="}, {"empty", "=?utf-8?Q??="},
		{"nul", "=?utf-8?Q?=00evil?="}, {"crlf", "=?utf-8?Q?=0D=0AReply-To:_x=40evil.example?="},
		{"bidi", "=?utf-8?Q?=E2=80=AElive?="},
		{"question", "=?utf-8?Q?e?vil?="}, {"long", "=?utf-8?Q?" + strings.Repeat("e", 100) + "?="},
		{"quoted", "\"=?utf-8?Q?evil?=\""}, {"comment", "(=?utf-8?Q?evil?=)"},
		{"in-address", "=?utf-8?Q?x=40evil.example?="},
		{"nested", "=?utf-8?Q?=3D=3Futf-8=3FQ=3Fevil=3F=3D?="},
		{"split-character", "=?utf-8?Q?=C3?= =?utf-8?Q?=BC?="},
		{"tab", "=?utf-8?Q?e=09vil?="}, {"underscore-b", "=?utf-8?B?ZXZp_A==?="},
		{"iso2022", "=?iso-2022-jp?B?GyRCQEE=?="}, {"single-quotes", "='?utf-8?Q?evil?='"},
	} {
		for _, field := range []string{"Subject", "From", "To"} {
			list = append(list, replaceField(strings.ToLower(field)+"-"+w.name, field, func(_ dice,
				v string) string {
				return w.word + " " + v
			}))
		}
		list = append(list, replaceField("subject-stuck-"+w.name, "Subject", func(_ dice,
			v string) string {
			return v + w.word
		}))
	}
	for _, field := range []string{"Subject", "From", "To"} {
		list = append(list, replaceField("split-b-"+strings.ToLower(field), field, splitWord))
	}
	for _, s := range []struct {
		name   string
		change func(s string) string
	}{
		{"tag", func(s string) string { return "[grow] " + s }},
		{"re", func(s string) string { return "Re: " + s }},
		{"re-upper", func(s string) string { return strings.Replace(s, "Re:", "RE:", 1) }},
		{"spaces", func(s string) string {
			return strings.Replace(s, " ", strings.Repeat(" ", 80), 1)
		}},
		{"tab", func(s string) string { return strings.Replace(s, " ", "\t", 1) }},
		{"nbsp", func(s string) string { return strings.Replace(s, " ", "\u00a0", 1) }},
		{"ideographic-space", func(s string) string {
			return strings.Replace(s, " ", "\u3000", 1)
		}},
		{"zero-width", func(s string) string { return strings.Replace(s, "e", "e\u200b", 1) }},
		{"bidi", func(s string) string { return "\u202e" + s }},
		{"homoglyph", func(s string) string { return strings.Replace(s, "e", "е", 1) }},
		{"case", strings.ToUpper}, {"word", func(s string) string { return s + " urgent" }},
		{"trailing", func(s string) string { return s + "   \t" }},
		{"8bit", func(s string) string { return s + " \xe9" }},
		{"utf8", func(s string) string { return s + " é" }},
		{"replacement", func(s string) string { return s + " \ufffd" }},
		{"soft-hyphen", func(s string) string { return strings.Replace(s, "e", "e\u00ad", 1) }},
		{"combining", func(s string) string { return s + "\u0301" }},
		{"tag-character", func(s string) string { return s + "\U000e0065" }},
		{"words-joined", func(s string) string { return strings.Replace(s, "?= =?", "?==?", 1) }},
		{"words-apart", func(s string) string {
			return strings.Replace(s, "?=", "?= =?utf-8?Q?_?=", 1)
		}},
		{"charset-other", func(s string) string {
			return strings.Replace(s, "=?utf-8?", "=?iso-8859-1?", 1)
		}},
		{"charset-language", func(s string) string {
			return strings.Replace(s, "=?utf-8?", "=?utf-8*de?", 1)
		}},
	} {
		list = append(list, replaceField("subject-edit-"+s.name, "Subject", func(_ dice,
			v string) string {
			return s.change(v)
		}))
	}
	return list
}

// splitWord makes two words in B of the first encoded word, or of a first word that has none. The
// first of them is padded as often as not.
func splitWord(d dice, value string) string {
	text, rest, _ := strings.Cut(value, " ")
	if before, word, found := strings.Cut(value, "=?utf-8?"); found {
		var ok bool
		if word, rest, ok = strings.Cut(word, "?="); !ok || len(word) < 2 || before != "" {
			return ""
		}
		switch text = word[2:]; word[:2] {
		case "Q?", "q?":
			decoded := entity{body: strings.ReplaceAll(text, "_", "=20")}
			decoded.set("Content-Transfer-Encoding", "quoted-printable")
			text, _ = decoded.decoded()
		case "B?", "b?":
			octets, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return ""
			}
			text = string(octets)
		}
	} else {
		rest = " " + rest
	}
	letters := []rune(text)
	if len(letters) < 2 || strings.ContainsAny(text, `"<@`) {
		return ""
	}
	at := 1 + d.IntN(len(letters)-1)
	word := func(letters []rune) string {
		return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(string(letters))) + "?="
	}
	return word(letters[:at]) + " " + word(letters[at:]) + rest
}
