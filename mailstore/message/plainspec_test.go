package message

import (
	"strings"
	"testing"
)

// FuzzPlainSpec: what is taken for an address in its canonical form is the one that is read from
// it, and that one's own.
func FuzzPlainSpec(f *testing.F) {
	for _, seed := range []string{
		"jo@a.example", "Jo.Doe+x_y@sub.a.example", "..@a", "a@b.", "a@.b", "a@b..c", "a@b@c", "@b", "a@", "a@B.example", "-@-", "a.@xn--bcher-kva.example",
		"a@" + strings.Repeat("b", 600), "a b@c", "a@b c", "\"a\"@b", "a,b@c", "a@b,c@d",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isPlainSpec(s) {
			return
		}
		if got := firstAddress(s); got != s {
			t.Errorf("%q is read as %q", s, got)
		}
		if got := speltOut(s); got != s {
			t.Errorf("%q is spelt %q", s, got)
		}
	})
}

func BenchmarkCanonicalAddress(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if CanonicalAddress("Jo.Doe@a.example") == "" {
			b.Fatal("no address")
		}
	}
}
