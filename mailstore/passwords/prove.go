package passwords

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/mailstore"
	"cairn/mailstore/passwords/scram"
)

const saltKey = "salt"

// salt is that of an account's app passwords, whether it has some or not.
func (p *Passwords) salt(ctx context.Context, account mailstore.AccountID) ([]byte, error) {
	secret, err := p.saltSecret(ctx)
	return saltFor(secret, fmt.Sprintf("account %d", account)), err
}

func saltFor(secret []byte, what string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(what))
	return h.Sum(nil)[:saltBytes]
}

// nobodys is the salt of a login that nobody has: the same with a domain of ours and without, as of
// accounts.
func (p *Passwords) nobodys(secret []byte, login string) []byte {
	login = strings.ToLower(login)
	if local, domain, _ := strings.Cut(login, "@"); slices.Contains(p.home(), domain) {
		login = local
	}
	return saltFor(secret, "name "+login)
}

// Proofs is what somebody may prove to have who signs in by SCRAM: one of the app passwords of an
// account, and nothing if there is no such account. Its own password is none of them, since what is
// kept for SCRAM is guessed too cheaply.
type Proofs struct {
	Salt []byte
	Keys []scram.Keys

	account mailstore.Account
	apps    []storedApp // of Keys
}

// Proofs returns what a name or an address may sign in with. What is told of one that nobody has,
// or who has no app password, looks the same, each time.
func (p *Passwords) Proofs(ctx context.Context, login string) (*Proofs, error) {
	secret, err := p.saltSecret(ctx)
	if err != nil {
		return nil, err
	}
	o := &Proofs{Salt: p.nobodys(secret, login)}
	err = p.store.View(func(rd *mailstore.Reader) (err error) {
		if o.account, err = find(rd, login); errors.Is(err, mailstore.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		o.Salt = saltFor(secret, fmt.Sprintf("account %d", o.account.ID))
		list, err := apps(rd, o.account.ID)
		for _, a := range list {
			o.Salt = a.Salt
			for _, k := range a.Keys {
				o.Keys, o.apps = append(o.Keys, k), append(o.apps, a)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up who signs in: %w", err)
	}
	return o, nil
}

// Proved is who has one of the keys of o, and notes that its app password is used; ErrWrong if that
// was taken back meanwhile.
func (p *Passwords) Proved(ctx context.Context, o *Proofs, which int) (Grant, error) {
	g := Grant{Account: o.account, app: o.apps[which]}
	stands, err := p.Stands(&g)
	switch {
	case err != nil:
		return Grant{}, err
	case !stands:
		return Grant{}, ErrWrong
	}
	return g, p.used(ctx, o.account.ID, g.app)
}

// saltSecret is what the salts of names are made of that nobody has.
func (p *Passwords) saltSecret(ctx context.Context) (secret []byte, err error) {
	err = p.store.View(func(rd *mailstore.Reader) (err error) {
		secret, err = rd.Space(space).Get([]byte(saltKey))
		return err
	})
	if !errors.Is(err, mailstore.ErrNotFound) {
		return secret, err
	}
	err = p.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
		sp := tx.Space(space)
		if secret, err = sp.Get([]byte(saltKey)); !errors.Is(err, mailstore.ErrNotFound) {
			return err
		}
		secret = make([]byte, sha256.Size)
		rand.Read(secret) // never fails
		return sp.Put([]byte(saltKey), secret)
	})
	return secret, err
}
