package maildomain

import (
	"strings"
	"testing"
	"time"
)

func TestCanonical(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, tt := range []struct {
		in, want string
		valid    bool
	}{
		{"Example.ORG", "example.org", true},
		{"example.org.", "example.org", true},
		{"example.org。", "example.org", true},
		{"example.org..", "example.org..", false},
		{"Bücher.Example", "xn--bcher-kva.example", true},
		{"XN--BCHER-KVA.example", "xn--bcher-kva.example", true},
		{"bu\u0308cher。example", "xn--bcher-kva.example", true},
		{"straße.example", "xn--strae-oqa.example", true},
		{"foo_bar.example", "foo_bar.example", true},
		{"ab--cd.example", "ab--cd.example", true},
		{"xn--.example", "xn--.example", false},
		{"localhost", "localhost", true},
		{"a..b", "a..b", false},
		{".", ".", false},
		{"", "", false},
		{"-a.example", "-a.example", false},
		{"a-.example", "a-.example", false},
		{"a b.example", "a b.example", false},
		{"xn--\u00fc.example", "xn--\u00fc.example", false},
		{"\u0378.Example", "\u0378.example", false},
		{"\xff.Example", "\xff.example", false},
		{"a\uff20b.example", "a@b.example", false},
		{"[192.0.2.1]", "[192.0.2.1]", false},
		{"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]", false},
		{label + ".example", label + ".example", true},
		{"a" + label + ".example", "a" + label + ".example", false},
		{strings.Repeat("a.", 126) + "a", strings.Repeat("a.", 126) + "a", true},
		{strings.Repeat("a.", 127) + "a", strings.Repeat("a.", 127) + "a", false},
		{strings.Repeat("\u00ad", 200) + "Example", "example", true},
		{ideographs(maxLabel+1) + ".Example", ideographs(maxLabel+1) + ".example", false},
		{strings.Repeat(ideographs(30)+"。", 12) + "Example", strings.Repeat(ideographs(30)+"。", 12) + "example", false},
	} {
		if got := Canonical(tt.in); got != tt.want || Valid(got) != tt.valid {
			t.Errorf("%q became %q, valid %v; want %q, %v", tt.in, got, Valid(got), tt.want, tt.valid)
		}
	}
}

// ideographs are n distinct characters beyond ASCII.
func ideographs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(rune('一' + i))
	}
	return b.String()
}

// Punycode takes time in the square of how many distinct characters a label has.
func TestCostOfCanonical(t *testing.T) {
	long := ideographs(20_000)
	for _, s := range []string{long, long + ".example", "a." + long, strings.Join(strings.Split(long, ""), "."), "xn--a" + long} {
		at := time.Now()
		for range 100 {
			if got := Canonical(s); got != s {
				t.Fatalf("%.40q became %.40q", s, got)
			}
		}
		if took := time.Since(at); took > 5*time.Second { // a few milliseconds; minutes where it is mapped
			t.Errorf("%.40q: %v", s, took)
		}
	}
}

// FuzzCanonical: there is one form of each domain, and what is valid is fit for a command line.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		"Example.ORG.", "ü。x", "a..b.", "xn--", "\xff.", "İ.example", "a\uff20b", "א1.example", "ß", "．", "a\u200db", ideographs(maxLabel) + "。", ideographs(maxLabel+1) + ".",
		strings.Repeat("ü.", maxUnmapped/3),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Canonical(s)
		if again := Canonical(once); again != once {
			t.Fatalf("%q became %q, then %q", s, once, again)
		}
		if Valid(once) && (!IsASCII(once) || strings.ContainsAny(once, " @<>\r\n\x00\x7f")) {
			t.Fatalf("%q became %q", s, once)
		}
	})
}
