package address

import (
	"strings"
	"testing"

	"cairn/mailstore/message/maildomain"
)

func TestParseMailbox(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, tt := range []struct {
		in, want string // want is empty for a refusal
		path     string // as sent to others; as want when empty
	}{
		{in: "Jo@Example.ORG", want: "Jo@example.org"},
		{in: "a+b=c@x", want: "a+b=c@x"},
		{in: "a b@x.example", want: "a b@x.example", path: `"a b"@x.example`},
		{in: `a"\b@x.example`, want: `a"\b@x.example`, path: `"a\"\\b"@x.example`},
		{in: ".a..b.@x.example", want: ".a..b.@x.example", path: `".a..b."@x.example`},
		{in: "ü@BÜCHER.example", want: "ü@xn--bcher-kva.example"},
		{in: "a@bücher。example", want: "a@xn--bcher-kva.example"},
		{in: "a@[192.0.2.1]", want: "a@[192.0.2.1]"},
		{in: "a@[IPv6:2001:db8::1]", want: "a@[ipv6:2001:db8::1]"},
		{in: "a@[fe80::1%eth0]"}, {in: "a@[IPv6:fe80::1%a\r\nBcc: x]"}, {in: "a@x\x7f"}, {in: "a@[192.0.2.1\r\n]"},
		{in: "a@x_y.example", want: "a@x_y.example"},
		{in: long + "@x", want: long + "@x"},
		{in: "x" + long + "@x"},
		{in: "a@" + strings.Repeat(long[:63]+".", 4) + "x"},
		{in: "a@" + long + ".x"},
		{in: "a"}, {in: ""}, {in: "@x"}, {in: "a@"}, {in: "a@b@x"}, {in: "a@x.", want: "a@x"}, {in: "a@x.."}, {in: "a@.x"}, {in: "a@x..y"},
		{in: "a@-x"}, {in: "a@x-"}, {in: "a@x y"}, {in: "a@x>y"}, {in: "a\x00b@x"}, {in: "a\tb@x"}, {in: "a\xff@x"},
		{in: "a@[x]"}, {in: "a@[1.2.3]"}, {in: "a@xn--\u00fc.example"}, {in: "a@\u0378.example"}, {in: "<a@x"},
	} {
		m, err := Parse(tt.in, true)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%q was read as %q", tt.in, m)
			}
			continue
		}
		if err != nil || m.String() != tt.want {
			t.Errorf("%q was read as %q (%v)", tt.in, m, err)
			continue
		}
		if want := tt.path; Path(m.String()) != want && want != "" || want == "" && Path(m.String()) != tt.want {
			t.Errorf("%q is sent as %q", tt.in, Path(m.String()))
		}
		if _, err := Parse(tt.in, false); (err == nil) != maildomain.IsASCII(tt.in) {
			t.Errorf("%q without SMTPUTF8: %v", tt.in, err)
		}
	}
}

// FuzzParseMailbox: what is accepted is canonical, and safe inside a command.
func FuzzParseMailbox(f *testing.F) {
	for _, s := range []string{"Jo@Example.ORG", "a b@x", `"@x`, "ü@bücher.example", "a@[IPv6:::1]", "a@xn--", "\xff@x", "a@[fe80::1%\r\n]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := Parse(s, true)
		if err != nil {
			return
		}
		again, err := Parse(m.String(), true)
		if err != nil || again != m {
			t.Fatalf("%q became %q, then %q (%v)", s, m, again, err)
		}
		if strings.ContainsFunc(Path(m.String()), IsControl) {
			t.Fatalf("%q goes out as %q", s, Path(m.String()))
		}
	})
}
