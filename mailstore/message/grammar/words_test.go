package grammar_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"ASCII", "Hello  there\tyou", "Hello  there\tyou"},
		{"nothing", "", ""},
		{"Q", "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= K=?", ""},
		{"Q beside words", "Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= Bonn", "Re: Grüße aus Bonn"},
		{"B", "=?UTF-8?b?R3LDvMOfZQ==?=", "Grüße"},
		{"white space between two is none", "=?utf-8?q?a?= \t =?utf-8?q?b?= c  =?utf-8?q?d?=", "ab c  d"},
		{"Latin 1", "=?iso-8859-1?Q?=A3_5?=", "£ 5"},
		{"NFC", "=?utf-8?q?a=CC=88?=", "ä"},
		{"joined to text", "a=?utf-8?q?b?=", ""},
		{"text joined to it", "=?utf-8?q?b?=,", ""},
		{"in quotes", `"=?utf-8?q?b?="`, ""},
		{"in a comment", "(=?utf-8?q?b?=)", ""},
		{"empty text", "=?utf-8?q??=", ""},
		{"empty charset", "=??q?a?=", ""},
		{"language", "=?utf-8*en?q?a?=", ""},
		{"unknown charset", "=?x-none?q?a?=", ""},
		{"stateful charset", "=?utf-7?q?+AKM-?=", ""},
		{"unknown encoding", "=?utf-8?x?a?=", ""},
		{"open", "=?utf-8?q?a", ""},
		{"space inside", "=?utf-8?q?a b?=", ""},
		{"question mark inside", "=?utf-8?q?a?b?=", ""},
		{"broken code", "=?utf-8?q?a=C?=", ""},
		{"broken base64", "=?utf-8?b?YQ?=", ""},
		{"padding inside", "=?utf-8?b?YQ==YQ==?=", ""},
		{"not UTF-8", "=?utf-8?q?=FF?=", ""},
		{"adjacent in B", "=?utf-8?b?YWJj?= =?utf-8?b?ZA==?=", "abcd"},
		{"adjacent in B, padded", "=?utf-8?b?YQ==?= =?utf-8?b?YmNk?=", ""},
		{"adjacent in B, padded, labels apart", "=?utf-8?B?YWI=?= =?UTF8?b?YmNk?=", ""},
		{"adjacent in B, the second of three padded", "=?utf-8?b?YWJj?=\t=?utf-8?b?ZGU=?= =?utf-8?b?Zg==?=", ""},
		{"padded before Q", "=?utf-8?b?YQ==?= =?utf-8?q?b?=", "ab"},
		{"padded before text", "=?utf-8?b?YQ==?= b =?utf-8?b?Yw==?=", "a b c"},
		{"half a character", "=?utf-8?q?=C3?= =?utf-8?q?=BC?=", ""},
		{"8-bit in ASCII", "=?us-ascii?q?=C3=BC?=", ""},
		{"raw 8-bit", "Gr\xc3\xbc\xc3\x9fe", ""},
		{"control", "a\x0bb", ""},
		{"line end", "=?utf-8?q?a=0Ab?=", ""},
		{"NUL", "=?utf-8?q?a=00b?=", ""},
		{"NEL", "=?utf-8?q?a=C2=85b?=", ""},
		{"line separator", "=?utf-8?q?a=E2=80=A8b?=", ""},
		{"escape in UTF-8", "=?utf-8?q?=1B$B?=", ""},
		{"C1 of Latin 1", "=?iso-8859-1?q?=80?=", ""},
		{"C1 of windows-1252", "=?windows-1252?q?=80?=", "€"},
		{"unassigned", "=?windows-1252?q?=81?=", ""},
		{"decodes to a word", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=", ""},
		{"halves of a word", "=?utf-8?q?=3D?= =?utf-8?q?=3F?=", ""},
		{"no-break space is a letter", "=?utf-8?q?a=C2=A0b?=", "a\u00a0b"},
		{"bidi control is a letter", "=?utf-8?q?a=E2=80=AEb?=", "a\u202eb"},
		{"NFC that makes ASCII", "=?utf-8?q?=CD=BE?=", "\u037e"},
		{"Shift_JIS", "=?shift_jis?B?k/qWew==?=", "日本"},
		{"yen sign", `=?shift_jis?q?C:\x?=`, ""},
		{"overline", "=?iso-2022-jp?q?~?=", ""},
		{"ISO-2022-JP", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
		{"left in a shift", "=?iso-2022-jp?B?GyRCRnxLXA==?=", ""},
		{"wave dash", "=?shift_jis?q?=81`?=", ""},
		{"vendor's row", "=?shift_jis?q?=87@?=", ""},
		{"GB 2312", "=?gb2312?q?=D6=D0?=", "中"},
		{"GBK in GB 2312", "=?gb2312?q?=81@?=", ""},
		{"GBK", "=?gbk?q?=81@?=", "丂"},
		{"Euro of GBK", "=?gbk?q?=80?=", ""},
		{"Big5", "=?big5?q?=A4=A4?=", "中"},
		{"Hong Kong's in Big5", "=?big5?q?=87@?=", ""},
		{"EUC-KR", "=?euc-kr?q?=B0=A1?=", "가"},
		{"UHC in EUC-KR", "=?euc-kr?q?=81A?=", ""},
		{"EUC-JP", "=?euc-jp?q?=C6=FC?=", "日"},
		{"circled one in EUC-JP", "=?euc-jp?q?=AD=A1?=", ""},
		{"KOI8-U", "=?koi8-u?q?=C1?=", "а"},
		{"Hebrew in the order of reading or of sight", "=?iso-8859-8?q?=F9?=", ""},
		{"Arabic in one or the other", "=?iso-8859-6?q?=C7?=", ""},
		{"ASCII with such a label", "=?iso-8859-8?q?a?=", "a"},
		{"not known to browsers' libraries", "=?iso-8859-16?q?=A1?=", ""},
		{"KOI8-U told apart", "=?koi8-u?q?=AE?=", ""},
	} {
		got, ok := grammar.Words(tt.in)
		if !ok {
			got = ""
		}
		if got != tt.want || ok && tt.want == "" && tt.in != "" {
			t.Errorf("%s: Words(%q) = %q, %v, want %q", tt.why, tt.in, got, ok, tt.want)
		}
	}
}

func TestDecodedWord(t *testing.T) {
	for in, want := range map[string]string{
		"=?utf-8?q?a_b?=": "a b", "=?utf-8?Q?=41?=": "A", "=?us-ascii?B?YQ==?=": "a",
		"a": "", "=?utf-8?q?a?=b": "", " =?utf-8?q?a?=": "", "=?=": "", "=??=": "", "=????=": "",
	} {
		if got, ok := grammar.DecodedWord(in); got != want || ok != (want != "") {
			t.Errorf("DecodedWord(%q) = %q, %v", in, got, ok)
		}
	}
}

func TestJoinedWords(t *testing.T) {
	full := strings.Repeat("YWJj", 12)
	for in, want := range map[string]string{
		"=?utf-8?b?" + full + "YQ==?= =?UTF-8?B?Yg==?= c":                "=?UTF-8?B?" + full + "YWI=?= c",
		"=?utf-8?b?YQ==?= =?utf-8?b?" + full + "YQ==?=":                  "",
		"=?utf-8?q?a?= =?utf-8?b?" + full + "YQ==?= =?utf-8?b?Yg==?=":    "",
		"=?utf-8?b?YWJj?= =?utf-8?b?" + full + "YQ==?= =?utf-8?b?Yg==?=": "",
		"=?utf-8?b?" + full + "YQ==?= =?iso-8859-1?b?Yg==?=":             "",
		"=?utf-8?b?" + full + "YQ==?=":                                   "", "=?utf-8?b?" + full + "?= =?utf-8?b?YQ==?=": "", "": "",
	} {
		if got, ok := grammar.JoinedWords(in); ok != (want != "") || ok && got != want {
			t.Errorf("JoinedWords(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
}

// Three words become one that says the same.
func TestJoinedWordsSayTheSame(t *testing.T) {
	word := "=?utf-8?b?" + strings.Repeat("YWJj", 12) + "YQ==?="
	in := "a " + word + " \t" + word + " =?utf-8?b?Yg==?="
	shown, padded := grammar.PaddedWords(in)
	joined, ok := grammar.JoinedWords(in)
	if words, fine := grammar.Words(joined); !padded || !ok || !fine || words != shown {
		t.Errorf("%q, %v says %q, want %q", joined, ok, words, shown)
	}
}

func TestWordOctets(t *testing.T) {
	if b, ok := grammar.WordOctets("=?x-none?q?=FF_?="); !ok || string(b) != "\xff " {
		t.Errorf("%q, %v", b, ok)
	}
	if _, ok := grammar.WordOctets("plain"); ok {
		t.Error("a word that is not encoded has octets")
	}
}

// What is read is text without controls, and is read the same when it is encoded anew.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{
		"a b", "=?utf-8?q?a?= =?utf-8?b?YQ==?=", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= x", "=?gb2312?q?=D6=D0?=", "=?utf-8?q?=E2=80=AE?=",
		"=?shift_jis?q?=81=5F?=", "=?euc-kr?q?=B0=A1?=", strings.Repeat("=?utf-8?q?x?= ", 50),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		text, ok := grammar.Words(in)
		if !ok {
			return
		}
		if !utf8.ValidString(text) || text != in && strings.Contains(text, "=?") {
			t.Fatalf("Words(%q) = %q", in, text)
		}
		for _, r := range text {
			if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 {
				t.Fatalf("Words(%q) = %q has a control", in, text)
			}
		}
		if strings.Contains(text, "\t") || text == "" || len(text) > 1<<9 { // more than a word may have
			return
		}
		again, ok := grammar.Words("=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?=")
		if !ok || again != text {
			t.Fatalf("Words(%q) = %q, encoded anew %q, %v", in, text, again, ok)
		}
	})
}
