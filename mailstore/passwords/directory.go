package passwords

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// Directory knows the passwords of people elsewhere, as over LDAP.
type Directory interface {
	// Check reports whether a password is that of the person with an account and a mail address, of
	// which either may be empty. An error: it is not known.
	Check(ctx context.Context, account, address, password string) (right bool, err error)
}

// fromDirectory is how long a session goes on that began with a password of the directory: whether
// it was changed there since, only who knows it can find out. Nothing else is remembered.
const fromDirectory = 30 * time.Minute

// SetDirectory has d asked for who has chosen no password here. It comes before any check.
func (p *Passwords) SetDirectory(d Directory) { p.directory = d }

// askDirectory checks who has no password here. It is asked about names that nobody has too:
// whether there is such an account is not to be told by the time.
func (p *Passwords) askDirectory(ctx context.Context, login string, account mailstore.Account, password string) (Grant, error) {
	name, address := login, login
	if account.ID != 0 {
		name, address = account.Name, ""
		if len(account.Addresses) > 0 {
			address = account.Addresses[0]
		}
	}
	begun := p.now()
	right, err := p.directory.Check(ctx, name, address, password)
	switch {
	case err != nil:
		return Grant{}, fmt.Errorf("ask the directory: %w", err)
	case !right || account.ID == 0:
		return Grant{}, ErrWrong
	}
	return Grant{Account: account, until: begun.Add(fromDirectory)}, nil
}

// directoryStands reports whether a password of the directory is still taken for that of its
// account: for some time, and while that has none here, which would count instead.
func (p *Passwords) directoryStands(rd *mailstore.Reader, g *Grant) (bool, error) {
	left := g.until.Sub(p.now())
	if left <= 0 || left > fromDirectory { // or the clock was set back
		return false, nil
	}
	_, err := rd.Account(g.Account.ID)
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	own, err := Chosen(rd, g.Account.ID)
	return !own, err
}
