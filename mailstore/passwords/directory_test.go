package passwords

import (
	"context"
	"errors"
	"testing"
	"time"

	"cairn/mailstore"
)

// phoneBook is a directory that knows one password of everybody, and notes who is asked about.
type phoneBook struct {
	password string
	away     error
	asked    []string
}

func (b *phoneBook) Check(_ context.Context, account, address, password string) (bool, error) {
	b.asked = append(b.asked, account+" "+address)
	return password == b.password, b.away
}

// TestDirectory: of whom and of what a directory is asked.
func TestDirectory(t *testing.T) {
	_, p, alice := open(t)
	book := &phoneBook{password: "of the directory"}
	p.SetDirectory(book)
	_, secret, err := p.AddApp(t.Context(), alice, "printer")
	if err != nil {
		t.Fatal(err)
	}
	check := func(login, password string, want error, asked int) {
		t.Helper()
		book.asked = nil
		g, err := p.Check(t.Context(), login, password)
		if !errors.Is(err, want) || len(book.asked) != asked || err == nil && g.Account.ID != alice {
			t.Errorf("%s, %s: %v, %v; asked %q", login, password, g, err, book.asked)
		}
	}
	check("alice", "of the directory", nil, 1)
	if book.asked[0] != "alice alice@a.example" {
		t.Errorf("it was asked about %q", book.asked)
	}
	check("alice@a.example", "of the directory", nil, 1)
	check("alice", "another", ErrWrong, 1)
	check("alice", "", ErrWrong, 0)
	check("alice", "a\x00b", ErrWrong, 0)
	check("nobody", "of the directory", ErrWrong, 1)
	check("alice", secret, nil, 0)
	away := errors.New("away")
	book.away = away
	check("alice", "of the directory", away, 1)
	check("nobody", "of the directory", away, 1)
	check("alice", secret, nil, 0)
	book.away = nil
	if err := p.Set(t.Context(), alice, "chosen by alice"); err != nil {
		t.Fatal(err)
	}
	check("alice", "of the directory", ErrWrong, 0)
	check("alice", "chosen by alice", nil, 0)
}

// TestDirectoryStands: a session that began with a password of the directory ends some time later,
// and when the account gets a password here or goes.
func TestDirectoryStands(t *testing.T) {
	st, p, alice := open(t)
	now := time.Now()
	p.now = func() time.Time { return now }
	p.SetDirectory(&phoneBook{password: "of the directory"})
	g, err := p.Check(t.Context(), "alice", "of the directory")
	if err != nil {
		t.Fatal(err)
	}
	stands := func(want bool) {
		t.Helper()
		if got, err := p.Stands(&g); got != want || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
	stands(true)
	now = now.Add(fromDirectory - time.Second)
	stands(true)
	now = now.Add(time.Second)
	stands(false)
	now = now.Add(-2 * fromDirectory)
	stands(false)
	now = g.until.Add(-time.Second)
	stands(true)
	if err := p.Set(t.Context(), alice, "chosen by alice"); err != nil {
		t.Fatal(err)
	}
	stands(false)
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error { return errors.Join(Unset(tx, alice), tx.RemoveAccount(alice)) })
	if err != nil {
		t.Fatal(err)
	}
	stands(false)
}
