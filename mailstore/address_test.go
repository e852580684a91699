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

// TestSubAddresses: mail for a sub-address is for whoever has the address without its detail,
// unless somebody has the whole.
func TestSubAddresses(t *testing.T) {
	s := open(t, t.TempDir())
	err := s.Update(t.Context(), func(tx *mailstore.Tx) error {
		for name, address := range map[string]string{"alice": "alice@a.example", "tag": "alice+tag@a.example", "plus": "+@a.example"} {
			if _, err := tx.AddAccount(name, []string{address}); err != nil {
				return err
			}
		}
		for address, want := range map[string]string{
			"alice@a.example": "alice", "alice+x@a.example": "alice", "Alice+X+Y@A.example": "alice", "alice+@a.example": "alice", "alice+tag@a.example": "tag",
			"alice+tag+x@a.example": "alice", "+@a.example": "plus", "+x@a.example": "", "bob+alice@a.example": "", "alice@b+c.a.example": "", "alice+x@b.example": "",
		} {
			a, err := tx.AccountFor(address)
			if a.Name != want || (want == "") != (err != nil) {
				t.Errorf("%s is for %q: %v", address, a.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
