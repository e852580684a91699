package passwords

import (
	"errors"
	"strings"
	"testing"

	"cairn/mailstore"
)

// Vectors of the papers and programs that the hashes come from.
const (
	ofSHA512 = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
	ofSHA256 = "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"
	ofBcrypt = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"
)

// TestForeignHashes: a password that another program hashed is right at once, and hashed anew.
func TestForeignHashes(t *testing.T) {
	st, p, alice := open(t)
	for _, tt := range []struct{ hash, right string }{
		{ofSHA512, "Hello world!"},
		{"{SHA512-CRYPT}" + ofSHA512, "Hello world!"},
		{"{CRYPT}" + ofSHA256, "Hello world!"},
		{ofBcrypt, "a"},
		{"{BLF-CRYPT}" + strings.Replace(ofBcrypt, "$2a$", "$2y$", 1), "a"},
		{hash("of another program", cheap), "of another program"},
	} {
		if err := p.SetHash(t.Context(), alice, tt.hash); err != nil {
			t.Fatalf("%s: %v", tt.hash, err)
		}
		for range 2 {
			for _, wrong := range []string{"", tt.right + "x", strings.Repeat("x", 300), strings.Repeat("x", 100)} {
				if _, err := p.Check(t.Context(), "alice", wrong); !errors.Is(err, ErrWrong) {
					t.Errorf("%s: %.20q: %v", tt.hash, wrong, err)
				}
			}
			if a, err := p.Check(t.Context(), "alice", tt.right); err != nil || a.Account.ID != alice {
				t.Errorf("%s: %d, %v", tt.hash, a.Account.ID, err)
			}
			var now chosen
			if err := st.View(func(rd *mailstore.Reader) error {
				_, err := rd.Space(space).JSON(ownKey(alice), &now)
				return err
			}); err != nil || isForeign(now.Hash) {
				t.Errorf("%s is kept as %s: %v", tt.hash, now.Hash, err)
			}
		}
	}
}

// TestUnfitHashes: what is no hash, and what would cost more than a stranger may make us spend.
func TestUnfitHashes(t *testing.T) {
	_, p, alice := open(t)
	for _, s := range []string{
		"", "secret", "{PLAIN}secret", "{CRYPT}", "$", "$6$", "$6$salt$", "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
		strings.Replace(ofSHA256, "10000", "1000001", 1), strings.Replace(ofSHA256, "10000", "0", 1), strings.Replace(ofSHA256, "10000", "99999999999999999999", 1),
		strings.Replace(ofSHA256, "rounds", "round", 1), ofSHA512 + "x", strings.Replace(ofSHA512, "$6$", "$7$", 1), strings.Replace(ofSHA512, "$6$", "$6$x$", 1),
		strings.Replace(ofBcrypt, "$06$", "$15$", 1), strings.Replace(ofBcrypt, "$06$", "$31$", 1), ofBcrypt[:59], "$2$", "$2a$xx$" + ofBcrypt[7:],
		"$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		if err := p.SetHash(t.Context(), alice, s); !errors.Is(err, ErrUnfit) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if err := p.SetHash(t.Context(), 99, ofBcrypt); !errors.Is(err, mailstore.ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
}

func FuzzForeignHash(f *testing.F) {
	for _, s := range []string{ofSHA512, ofSHA256, ofBcrypt, "{CRYPT}$5$x$y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kept, err := fit(s)
		if err == nil && isForeign(kept) && !strings.Contains(kept, "rounds=") && !strings.HasPrefix(kept, "$2") {
			if _, err := matchesForeign(kept, "password"); err != nil {
				t.Errorf("%q is fit, and then: %v", s, err)
			}
		}
	})
}
