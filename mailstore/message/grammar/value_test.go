package grammar_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/message/grammar"
)

func TestDate(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"plain", "Wed, 25 Nov 2026 23:31:42 +0100", "2026-11-25T22:31:42Z"},
		{"no day of the week", "25 Nov 2026 23:31:42 +0000", "2026-11-25T23:31:42Z"},
		{"no seconds", "25 Nov 2026 23:31 +0000", "2026-11-25T23:31:00Z"},
		{"one digit", "Sun, 1 Nov 2026 00:00:00 GMT", "2026-11-01T00:00:00Z"},
		{"leading zero", "Sun, 01 Nov 2026 00:00:00 -0000", "2026-11-01T00:00:00Z"},
		{"zone's name", "Wed, 25 Nov 2026 23:31:42 +0100 (CET)", "2026-11-25T22:31:42Z"},
		{"wrong day", "Thu, 25 Nov 2026 23:31:42 +0000", "2026-11-25T23:31:42Z not Thu"},
		{"wrong zone's name", "Wed, 25 Nov 2026 23:31:42 +0100 (EST)", "no"},
		{"other comment", "Wed, 25 Nov 2026 23:31:42 +0100 (noon)", "no"},
		{"named zone", "Wed, 25 Nov 2026 23:31:42 EST", "no"},
		{"military zone", "Wed, 25 Nov 2026 23:31:42 Z", "no"},
		{"no zone", "Wed, 25 Nov 2026 23:31:42", "no"},
		{"zone too far", "25 Nov 2026 23:31:42 +1500", "no"},
		{"zone with a colon", "25 Nov 2026 23:31:42 +01:00", "no"},
		{"leap second", "25 Nov 2026 23:31:60 +0000", "no"},
		{"hour 24", "25 Nov 2026 24:00:00 +0000", "no"},
		{"one digit of the hour", "25 Nov 2026 9:00:00 +0000", "no"},
		{"no such day", "31 Nov 2026 00:00:00 +0000", "no"},
		{"leap day", "29 Feb 2028 00:00:00 +0000", "2028-02-29T00:00:00Z"},
		{"two digits of the year", "25 Nov 26 00:00:00 +0000", "no"},
		{"month in lower case", "25 nov 2026 00:00:00 +0000", "no"},
		{"halves of months", "25 nFe 2026 00:00:00 +0000", "no"},
		{"unknown day of the week", "Mit, 25 Nov 2026 00:00:00 +0000", "no"},
		{"text behind", "25 Nov 2026 00:00:00 +0000 x", "no"},
		{"no comma", "Wed 25 Nov 2026 00:00:00 +0000", "no"},
		{"ISO 8601", "2026-11-25T00:00:00Z", "no"},
		{"8-bit", "25 Nov 2026 00:00:00 +0000\xa0", "no"},
		{"nothing", "", "no"},
	} {
		when, wrong, ok := grammar.Date(tt.in)
		got := when.UTC().Format(time.RFC3339)
		if wrong != "" {
			got += " not " + wrong
		}
		if !ok {
			got = "no"
		}
		if got != tt.want {
			t.Errorf("%s: Date(%q) = %s, want %s", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestIDs(t *testing.T) {
	for in, want := range map[string]string{
		"<a@b>": "[<a@b>] true", "<a.B$c@[x]> \t <d@e@f>": "[<a.B$c@[x]> <d@e@f>] true",
		"": "[] false", "a@b": "[] false", "<a>": "[] false", "<a@>": "[] false", "<@b>": "[] false", "<a@b><c@d>": "[] false", "<a@b>,<c@d>": "[] false",
		"<a @b>": "[] false", "<a@b> x": "[] false", `<"a"@b>`: "[] false", "<a@b> (x)": "[] false", "<a@\xc3\xa4>": "[] false", "<<a@b>>": "[] false", "<a\x0b@b>": "[] false",
	} {
		ids, ok := grammar.IDs(in)
		if got := fmt.Sprint(ids, ok); got != want {
			t.Errorf("IDs(%q) = %s, want %s", in, got, want)
		}
	}
}

func FuzzDate(f *testing.F) {
	f.Add("Wed, 25 Nov 2026 23:31:42 +0100 (CET)")
	f.Add("1 Jan 1900 00:00 GMT")
	f.Fuzz(func(t *testing.T, in string) {
		when, _, ok := grammar.Date(in)
		if !ok {
			return
		}
		if again, wrong, ok := grammar.Date(when.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")); when.UTC().Year() >= 1900 && when.UTC().Year() < 10000 && (!ok || wrong != "" || !again.Equal(when)) {
			t.Fatalf("%q is %s, then %s", in, when, again)
		}
	})
}

func FuzzIDs(f *testing.F) {
	f.Add("<a@b> <c@d>")
	f.Add(strings.Repeat("<", 50))
	f.Fuzz(func(t *testing.T, in string) {
		ids, ok := grammar.IDs(in)
		again, _ := grammar.IDs(strings.Join(ids, " "))
		if ok && fmt.Sprint(again) != fmt.Sprint(ids) {
			t.Fatalf("%q: %q, then %q", in, ids, again)
		}
	})
}
