package analysis

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func line(tokens []Token) string {
	var parts []string
	for _, t := range tokens {
		parts = append(parts, fmt.Sprintf("%d:%s", t.Position, t.Term))
	}
	return strings.Join(parts, " ")
}

func TestText(t *testing.T) {
	for _, c := range []struct{ text, indexed, words string }{
		{"", "", ""},
		{" -- ", "", ""},
		{"Hello, World!", "0:hello 1:world", "0:hello 1:world"},
		{"don't e-mail a_b@example.com", "0:don 1:t 2:e 3:mail 4:a_b 5:example 6:com", "0:don 1:t 2:e 3:mail 4:a_b 5:example 6:com"},
		{"0x1b0 3.14", "0:0x1b0 1:3 2:14", "0:0x1b0 1:3 2:14"},
		{"Fahrländer siúl STRASSE Straße", "0:fahrlander 1:siul 2:strasse 3:strasse", "0:fahrlander 1:siul 2:strasse 3:strasse"},
		{"Åse Øre ﬁn Ｆｕｌｌ", "0:ase 1:ore 2:fin 3:full", "0:ase 1:ore 2:fin 3:full"},
		{"программы Ёлка", "0:программы 1:елка", "0:программы 1:елка"},
		{"Σίσυφος", "0:σισυφοσ", "0:σισυφοσ"},
		{"Donau\u00addampf\u00adschiff a\u00ad b", "0:donaudampfschiff 1:a 2:b", "0:donaudampfschiff 1:a 2:b"},
		{"हिन्दी", "0:हिन्दी", "0:हिन्दी"},
		{"中文搜索", "0:中文 1:文搜 2:搜索 3:索", "0:中文 1:文搜 2:搜索"},
		{"中", "0:中", "0:中"},
		{"x中文y", "0:x 1:中文 2:文 3:y", "0:x 1:中文 3:y"},
		{"東京タワー", "0:東京 1:京タ 2:タワ 3:ワー 4:ー", "0:東京 1:京タ 2:タワ 3:ワー"},
		{"한국어 메일을", "0:한국 1:국어 2:어 3:메일 4:일을 5:을", "0:한국 1:국어 3:메일 4:일을"},
		{"請求\n書を", "0:請求 1:求書 2:書を 3:を", "0:請求 1:求書 2:書を"},
		{"> 請求\r\n> > 書", "0:請求 1:求書 2:書", "0:請求 1:求書"},
		{"請求\n\n書", "0:請求 1:求 2:書", "0:請求 2:書"},
		{"請求 書", "0:請求 1:求 2:書", "0:請求 2:書"},
		{"party 🎉🎉 ★-→ €5 $$$ ───", "0:party 1:🎉 2:★ 3:→ 4:€ 5:5", "0:party 1:🎉 2:★ 3:→ 4:€ 5:5"},
		{"👩🏽‍🚀❤️", "0:👩 1:🚀 2:❤", "0:👩 1:🚀 2:❤"},
		{"1,234,567.89", "0:1 1:234 2:567 2:1234567 3:89", "0:1 1:234 2:567 3:89"},
		{"1’234’567 x", "0:1 1:234 2:567 2:1234567 3:x", "0:1 1:234 2:567 3:x"},
		{"1 234 567", "0:1 1:234 2:567 2:1234567", "0:1 1:234 2:567"},
		{"1.234.56 1,2,345", "0:1 1:234 2:56 3:1 4:2 5:345 5:2345", "0:1 1:234 2:56 3:1 4:2 5:345"},
		{"2026-11-29", "0:2026 1:11 2:29 2:20261129", "0:2026 1:11 2:29"},
		{"+49 (30) 901820-13", "0:49 1:30 2:901820 3:13 3:+493090182013 3:90182013", "0:49 1:30 2:901820 3:13"},
		{"DE89 3704 0044 0532 0130 00.", "0:de89 1:3704 2:0044 3:0532 4:0130 5:00 5:de89370400440532013000", "0:de89 1:3704 2:0044 3:0532 4:0130 5:00"},
		{"DE88 3704 0044 0532 0130 00", "0:de88 1:3704 2:0044 3:0532 4:0130 5:00", "0:de88 1:3704 2:0044 3:0532 4:0130 5:00"},
		{"v14.2", "0:v14 0:14 1:2", "0:v14 1:2"},
		{"a\x00b\xff", "0:a 1:b", "0:a 1:b"},
		{strings.Repeat("x", 70), "0:" + strings.Repeat("x", 64), "0:" + strings.Repeat("x", 64)},
	} {
		if got := line(Text(c.text)); got != c.indexed {
			t.Errorf("text %q: %s, want %s", c.text, got, c.indexed)
		}
		if got := line(Words(c.text)); got != c.words {
			t.Errorf("words %q: %s, want %s", c.text, got, c.words)
		}
	}
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"Invoice_2026_final-v2.pdf": "0:invoice_2026_final 0:invoice 1:2026 2:final 3:v2 3:v 4:2 5:pdf",
		"finalVersion.TXT":          "0:finalversion 0:final 1:version 2:txt",
		"report.csv":                "0:report 1:csv",
		"請求書_2026.pdf":              "0:請求 0:請求 1:求書 1:求書 2:書 2:書 3:_2026 3:2026 4:pdf",
		"":                          "", "__": "0:__",
	} {
		if got := line(Name(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := line(NameWords("finalVersion_2")); got != "0:final 1:version 2:2" {
		t.Errorf("searched for: %s", got)
	}
}

func TestAddress(t *testing.T) {
	got := line(Address("Jon Doe", "Jon.Doe@Example.com", ""))
	want := "0:jon 1:doe 3:jon 4:doe 6:example 7:com 3:jon.doe@example.com 3:jon.doe 3:example.com"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	got = line(Address("", "a@xn--mnchen-3ya.example", "münchen.example"))
	want = "0:a 2:xn 3:mnchen 4:3ya 5:example 7:munchen 8:example 0:a@xn--mnchen-3ya.example 0:a 0:xn--mnchen-3ya.example 0:a@munchen.example 0:munchen.example"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzText holds what the index relies on: terms are not empty, not too long, valid UTF-8 and
// without zero bytes; positions ascend; what is searched for is in the text that it was taken from;
// and folding again changes nothing. Other spellings are bounded and in order.
func FuzzText(f *testing.F) {
	for _, s := range []string{"Hello, World", "don't", "中文 mixed ไทย", "Ǆ\u0301 \u200b", "\xff\x00", "ﷺ", "İI", "中\u0616", "中\n> 文", "1,234,567.89 +49 (30) 90-1", "DE89 3704 0044 0532 0130 00", "🎉🎉 a_bC1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := Text(s)
		at := make(map[Token]bool)
		next := 0
		for i, token := range text {
			if token.Term == "" || len(token.Term) > MaxTerm || !utf8.ValidString(token.Term) || strings.Contains(token.Term, "\x00") || token.Position != next && token.Position != next-1 {
				t.Fatalf("%q: token %d is %+v", s, i, token)
			}
			next = token.Position + 1
			if again := Fold(token.Term); again != token.Term && len(token.Term) < MaxTerm-4 && !Single(token.Term) && !paired([]rune(token.Term)[0]) {
				t.Fatalf("%q: %q folds to %q", s, token.Term, again)
			}
			at[token] = true
		}
		for _, token := range Words(s) {
			if !at[token] && !Single(token.Term) {
				t.Fatalf("%q: searching for %v, the text has %s", s, token, line(text))
			}
		}
		ways := Alternatives(s)
		if len(ways) > maxAlternatives {
			t.Fatalf("%q is spelled in %d ways", s, len(ways))
		}
		for _, tokens := range ways {
			for i, token := range tokens {
				if token.Term == "" || len(token.Term) > MaxTerm || i == 0 && token.Position != 0 || i > 0 && token.Position < tokens[i-1].Position {
					t.Fatalf("%q: another spelling is %s", s, line(tokens))
				}
			}
		}
		for _, token := range Name(s) {
			if token.Term == "" || len(token.Term) > MaxTerm || strings.Contains(token.Term, "\x00") {
				t.Fatalf("%q as a name has %+v", s, token)
			}
		}
		if whole := Whole(s); strings.ContainsAny(whole, " \x00\n") || len(whole) > maxWhole || !utf8.ValidString(whole) {
			t.Fatalf("%q as a whole is %q", s, whole)
		}
	})
}
