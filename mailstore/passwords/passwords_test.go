package passwords

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.InMemory(m).Run()) }

// cheap makes hashes that cost nothing.
var cheap = cost{memory: 64, passes: 1, lanes: 1}

func open(t *testing.T) (*mailstore.Store, *Passwords, mailstore.AccountID) {
	t.Helper()
	st, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	var id mailstore.AccountID
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("alice", []string{"alice@a.example", "müller@a.example"})
		id = a.ID
		_, other := tx.AddAccount("bob", []string{"bob@a.example"})
		return errors.Join(err, other)
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return st, newWith(st, func() time.Time { return now }, func() []string { return []string{"a.example"} }, cheap), id
}

func TestCheck(t *testing.T) {
	st, p, alice := open(t)
	const secret = "correct horse ﬁne"
	if err := p.Set(t.Context(), alice, secret); err != nil {
		t.Fatal(err)
	}
	_, app, err := p.AddApp(t.Context(), alice, "printer")
	if err != nil || len(app) != 29 {
		t.Fatalf("app password %q: %v", app, err)
	}
	for _, c := range []struct {
		login, password string
		right           bool
	}{
		{"alice", secret, true},
		{"alice@a.example", secret, true},
		{"ALICE@A.example", secret, true},
		{"müller@a.example", secret, true},
		{"alice", "correct\u00a0horse ﬁne", true}, // RFC 8265: another blank is a blank
		{"alice", app, true},
		{"alice", strings.ToUpper(strings.ReplaceAll(app, "-", "")), true},
		{"alice", secret + " ", false},
		{"alice", "", false},
		{"alice", "\x00", false},
		{"alice", strings.Repeat("x", 1<<20), false},
		{"alice", app[1:], false},
		{"bob", secret, false},
		{"bob", "", false},
		{"bob@a.example", app, false},
		{"nobody", secret, false},
		{"nobody@a.example", secret, false},
		{"@", secret, false},
		{"", secret, false},
	} {
		a, err := p.Check(t.Context(), c.login, c.password)
		switch {
		case c.right && (err != nil || a.Account.ID != alice):
			t.Errorf("%q, %.40q: account %d, %v", c.login, c.password, a.Account.ID, err)
		case !c.right && (!errors.Is(err, ErrWrong) || a.Account.ID != 0):
			t.Errorf("%q, %.40q: account %d, %v", c.login, c.password, a.Account.ID, err)
		}
	}
	list := func() (list []App) {
		err := st.View(func(rd *mailstore.Reader) (err error) {
			list, err = Apps(rd, alice)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if l := list(); len(l) != 1 || l[0].Name != "printer" || l[0].LastUsed != time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC) {
		t.Errorf("app passwords %+v", l)
	}
	update := func(fn func(tx *mailstore.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *mailstore.Tx) error { return RemoveApp(tx, alice, "printer") })
	if _, err := p.Check(t.Context(), "alice", app); !errors.Is(err, ErrWrong) {
		t.Errorf("an app password that was taken back: %v", err)
	}
	update(func(tx *mailstore.Tx) error { return RemoveAll(tx, alice) })
	if _, err := p.Check(t.Context(), "alice", secret); !errors.Is(err, ErrWrong) {
		t.Errorf("forgotten passwords: %v", err)
	}
	err = st.View(func(rd *mailstore.Reader) error {
		if some, err := Any(rd); some || err != nil {
			t.Errorf("passwords are left: %v, %v", some, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnfit(t *testing.T) {
	st, p, alice := open(t)
	for _, password := range []string{"", "short", "ninechars", "with\tatab!!!!", "\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe", strings.Repeat("x", longest+1)} {
		if err := p.Set(t.Context(), alice, password); !errors.Is(err, ErrUnfit) {
			t.Errorf("%.30q: %v", password, err)
		}
	}
	if err := p.Set(t.Context(), 99, "of nobody here"); !errors.Is(err, mailstore.ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", maxAppName+1)} {
		if _, _, err := p.AddApp(t.Context(), alice, name); !errors.Is(err, ErrUnfit) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for range MaxApps {
		if _, _, err := p.AddApp(t.Context(), alice, strings.Repeat("y", 1+len(must(st, alice)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.AddApp(t.Context(), alice, "one more"); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if _, _, err := p.AddApp(t.Context(), alice, "y"); !errors.Is(err, ErrExists) {
		t.Errorf("twice: %v", err)
	}
}

func must(st *mailstore.Store, account mailstore.AccountID) (list []App) {
	err := st.View(func(rd *mailstore.Reader) (err error) {
		list, err = Apps(rd, account)
		return err
	})
	if err != nil {
		panic(err)
	}
	return list
}

// TestHash: a vector that the reference implementation of Argon2 made, and hashes that are refused
// for what they would cost, or are none.
func TestHash(t *testing.T) {
	const vector = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if same, err := matchesOwn(vector, "password"); !same || err != nil {
		t.Errorf("vector: %v, %v", same, err)
	}
	if same, err := matchesOwn(vector, "Password"); same || err != nil {
		t.Errorf("another password: %v, %v", same, err)
	}
	for _, s := range []string{
		"", "x", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		strings.Replace(vector, "v=19", "v=16", 1), strings.Replace(vector, "m=65536", "m=4194304", 1), strings.Replace(vector, "t=2", "t=99", 1),
		strings.Replace(vector, "t=2", "t=0", 1), strings.Replace(vector, "p=1", "p=300", 1), strings.Replace(vector, "p=1", "p=1x", 1),
		strings.Replace(vector, "c29tZXNhbHQ", "", 1), vector + "=", vector + "$",
	} {
		if _, err := matchesOwn(s, "password"); !errors.Is(err, errHash) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestAtOnce: who waits for a turn can give up.
func TestAtOnce(t *testing.T) {
	_, p, _ := open(t)
	for range atOnce {
		if err := p.slots.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Check(ctx, "alice", "whatever it is"); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody's turn came, and the answer is %v", err)
	}
}

func FuzzHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, s string) {
		c, salt, sum, err := parseHash(s)
		if err == nil && (c.memory > most.memory || c.passes > most.passes || len(salt) == 0 || len(sum) == 0) {
			t.Errorf("%q: %+v", s, c)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	stored := hash("correct horse", usual)
	for b.Loop() {
		if same, err := matchesOwn(stored, "correct horse"); !same || err != nil {
			b.Fatal(err)
		}
	}
}

// TestStands: what somebody has signed in with counts until it is changed or taken back, and not
// only hashed anew.
func TestStands(t *testing.T) {
	st, p, alice := open(t)
	_, secret, err := p.AddApp(t.Context(), alice, "printer")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetHash(t.Context(), alice, ofBcrypt); err != nil {
		t.Fatal(err)
	}
	grants := make(map[string]Grant)
	for _, password := range []string{"a", secret} {
		if grants[password], err = p.Check(t.Context(), "alice", password); err != nil {
			t.Fatal(err)
		}
	}
	stand := func(password string) bool {
		t.Helper()
		g := grants[password]
		stands, err := p.Stands(&g)
		if err != nil {
			t.Fatal(err)
		}
		return stands
	}
	if !stand("a") || !stand(secret) {
		t.Error("they do not count at first")
	}
	if err := p.Set(t.Context(), alice, "another password"); err != nil || stand("a") || !stand(secret) {
		t.Errorf("after a change of the password: %v", err)
	}
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error { return RemoveApp(tx, alice, "printer") })
	if err != nil || stand(secret) {
		t.Errorf("after the app password was taken back: %v", err)
	}
	if _, _, err := p.AddApp(t.Context(), alice, "printer"); err != nil || stand(secret) {
		t.Errorf("after another was made in its place: %v", err)
	}
}

// TestForeignHashesHoldUpNobody: while one that costs much is checked, others sign in.
func TestForeignHashesHoldUpNobody(t *testing.T) {
	_, p, alice := open(t)
	if err := p.Set(t.Context(), alice, "the password of its own"); err != nil {
		t.Fatal(err)
	}
	if err := p.foreign.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g, err := p.Check(t.Context(), "alice", "the password of its own"); err != nil || g.Account.ID != alice {
		t.Errorf("%+v, %v", g, err)
	}
	if err := p.SetHash(t.Context(), alice, ofBcrypt); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Check(ctx, "alice", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many is checked: %v", err)
	}
}
