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
		{"한국어 메일", "0:한국어 1:메일", "0:한국어 1:메일"},
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

func TestAddress(t *testing.T) {
	got := line(Address("Jon Doe", "Jon.Doe@Example.com"))
	want := "0:jon 1:doe 2:jon 3:doe 4:example 5:com 2:jon.doe@example.com 2:jon.doe 2:example.com"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzText holds what the index relies on: terms are not empty, not too long, valid UTF-8 and
// without zero bytes; positions ascend; what is searched for is in the text that it was taken from;
// and folding again changes nothing.
func FuzzText(f *testing.F) {
	for _, s := range []string{"Hello, World", "don't", "中文 mixed ไทย", "Ǆ\u0301 \u200b", "\xff\x00", "ﷺ", "İI", "中\u0616"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := Text(s)
		at := make(map[Token]bool)
		for i, token := range text {
			if token.Term == "" || len(token.Term) > MaxTerm || !utf8.ValidString(token.Term) || strings.Contains(token.Term, "\x00") || token.Position != i {
				t.Fatalf("%q: token %d is %+v", s, i, token)
			}
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
		if whole := Whole(s); strings.ContainsAny(whole, " \x00\n") || len(whole) > maxWhole || !utf8.ValidString(whole) {
			t.Fatalf("%q as a whole is %q", s, whole)
		}
	})
}
