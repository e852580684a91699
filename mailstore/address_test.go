package mailstore_test

import (
	"strings"
	"testing"

	"cairn/mailstore"
)

func TestCanonicalAddress(t *testing.T) {
	label := strings.Repeat("a", 63)
	for addr, want := range map[string]string{
		"Alice@Alpha.Test":                     "alice@alpha.test",
		"alice@alpha.test.":                    "alice@alpha.test",
		"alice@alpha.test。":                    "alice@alpha.test",
		"jo@Bücher.example":                    "jo@xn--bcher-kva.example",
		"a@b@alpha.test":                       "a@b@alpha.test",
		"x@localhost":                          "x@localhost",
		"x@" + label + ".test":                 "x@" + label + ".test",
		"x@a.test..":                           "",
		"x@a..test":                            "",
		"x@.test":                              "",
		"x@.":                                  "",
		"x@":                                   "",
		"@a.test":                              "",
		"x":                                    "",
		"x@a_b.test":                           "x@a_b.test",
		"x@ab--cd.test":                        "x@ab--cd.test",
		"x@a" + label + ".test":                "",
		"x@" + strings.Repeat("a.", 127) + "a": "",
	} {
		got, err := mailstore.CanonicalAddress(addr)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", addr, got, err, want)
		}
	}
}
