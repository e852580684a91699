package consensus

import (
	"encoding"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextForms(t *testing.T) {
	type text interface {
		encoding.TextMarshaler
		String() string
	}
	for _, c := range []struct {
		name  string
		value text
		into  encoding.TextUnmarshaler
		want  string
	}{
		{"hash", Hash{0xab, 31: 0x01}, new(Hash), "ab" + strings.Repeat("0", 61) + "1"},
		{"key", Key{0xff}, new(Key), "ff" + strings.Repeat("0", 62)},
		{"signature", Signature{63: 0x10}, new(Signature), strings.Repeat("0", 126) + "10"},
		{"chain id", ChainID(0x0a), new(ChainID), "0000000a"},
		{"records policy", RecordsSome, new(RecordsPolicy), "some"},
	} {
		b, err := c.value.MarshalText()
		if err != nil || string(b) != c.want || c.value.String() != c.want {
			t.Errorf("%s: %q, %q, %v; want %q", c.name, b, c.value, err, c.want)
		}
		if err := c.into.UnmarshalText(b); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if back, _ := c.into.(encoding.TextMarshaler).MarshalText(); string(back) != c.want {
			t.Errorf("%s comes back as %s", c.name, back)
		}
		for _, bad := range []string{"", c.want + "00", c.want[1:], "x" + c.want[1:]} {
			if c.into.UnmarshalText([]byte(bad)) == nil {
				t.Errorf("%s: %q is accepted", c.name, bad)
			}
		}
	}
	if _, err := ParseHash("zz"); err == nil {
		t.Error("zz is taken for a hash")
	}
	if _, err := ParseKey(""); err == nil {
		t.Error("nothing is taken for a key")
	}
}

func TestValidDomain(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	for domain, want := range map[string]bool{
		"example.com":                   true,
		"localhost":                     true,
		"xn--bcher-kva.example":         true,
		"3com.com":                      true,
		"1.2.3.x4":                      true,
		label63 + ".example":            true,
		"":                              false,
		".":                             false,
		"example.com.":                  false,
		".example.com":                  false,
		"a..b":                          false,
		"Example.com":                   false,
		"exa_mple.com":                  false,
		"-a.example":                    false,
		"a-.example":                    false,
		"bücher.example":                false,
		"192.0.2.1":                     false,
		"a b.example":                   false,
		label63 + "a.example":           false,
		strings.Repeat("a.", 127):       false,
		strings.Repeat("a.", 127) + "a": false,
		strings.Repeat("a.", 126) + "a": true,
	} {
		if ValidDomain(domain) != want {
			t.Errorf("%q: %v", domain, !want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("\xffab")
	f.Add("a\u0085")
	f.Fuzz(func(t *testing.T, s string) {
		if printable(s) && (!utf8.ValidString(s) || strings.ContainsAny(s, "\x00\t\r\n\x1b\x7f\u0085\u009f")) {
			t.Errorf("%q passes for printable", s)
		}
	})
}
