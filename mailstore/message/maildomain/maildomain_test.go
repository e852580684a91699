package maildomain

import (
	"strings"
	"testing"
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
	} {
		if got := Canonical(tt.in); got != tt.want || Valid(got) != tt.valid {
			t.Errorf("%q became %q, valid %v; want %q, %v", tt.in, got, Valid(got), tt.want, tt.valid)
		}
	}
}

// FuzzCanonical: there is one form of each domain, and what is valid is fit for a command line.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		"Example.ORG.", "ü。x", "a..b.", "xn--", "\xff.", "İ.example", "a\uff20b", "א1.example", "ß", "．", "a\u200db",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Canonical(s)
		if again := Canonical(once); again != once {
			t.Fatalf("%q became %q, then %q", s, once, again)
		}
		if Valid(once) && (!isASCII(once) || strings.ContainsAny(once, " @<>\r\n\x00\x7f")) {
			t.Fatalf("%q became %q", s, once)
		}
	})
}
