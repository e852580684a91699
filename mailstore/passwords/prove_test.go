package passwords

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/passwords/scram"
)

// TestProofs: each app password is one of the keys, typed with hyphens or without; what is told of
// a name does not tell whether somebody has it.
func TestProofs(t *testing.T) {
	st, p, alice := open(t)
	if err := p.Set(t.Context(), alice, "the password of its own"); err != nil {
		t.Fatal(err)
	}
	of := func(login string) *Proofs {
		t.Helper()
		o, err := p.Proofs(t.Context(), login)
		if err != nil || len(o.Salt) != saltBytes {
			t.Fatalf("%s: %+v, %v", login, o, err)
		}
		return o
	}
	for _, login := range []string{"alice", "nobody", ""} {
		if o := of(login); len(o.Keys) != 0 || !bytes.Equal(o.Salt, of(login).Salt) {
			t.Errorf("%q without app passwords: %+v", login, o)
		}
	}
	before := of("alice").Salt
	for _, name := range []string{"alice", "nobody"} { // one that somebody has looks as one that nobody has
		same, here, elsewhere := of(name).Salt, of(strings.ToUpper(name)+"@a.example").Salt, of(name+"@b.example").Salt
		if !bytes.Equal(same, here) || bytes.Equal(same, elsewhere) || bytes.Equal(same, of("somebody").Salt) {
			t.Errorf("the salts of %s", name)
		}
	}
	err := st.View(func(rd *mailstore.Reader) error {
		some, err := Any(rd)
		if !some {
			t.Error("there is a password")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, name := range []string{"printer", "phone"} {
		_, secret, err := p.AddApp(t.Context(), alice, name)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	o := of("alice")
	if !bytes.Equal(o.Salt, before) {
		t.Error("the first app password shows in the salt")
	}
	if other := of("MÜLLER@a.example"); !bytes.Equal(o.Salt, other.Salt) || len(o.Keys) != 4 {
		t.Errorf("%+v and %+v", o, other)
	}
	for i, secret := range []string{secrets[0], string(bytes.ReplaceAll([]byte(secrets[0]), []byte("-"), nil)), secrets[1]} {
		k, err := scram.Derive(secret, o.Salt)
		if err != nil || k != o.Keys[i] {
			t.Errorf("key %d: %v", i, err)
		}
	}
	if a, err := p.Proved(t.Context(), o, 2); err != nil || a.Account.ID != alice {
		t.Errorf("account %d, %v", a.Account.ID, err)
	}
	if list := must(st, alice); list[0].LastUsed != (App{}).LastUsed || list[1].LastUsed.IsZero() {
		t.Errorf("%+v", list)
	}
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return RemoveApp(tx, alice, "phone") }); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Proved(t.Context(), o, 3); !errors.Is(err, ErrWrong) {
		t.Errorf("one that was taken back: %v", err)
	}
}
