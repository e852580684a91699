package passwords

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"cairn/mailstore"
	"cairn/mailstore/passwords/scram"
)

const saltKey = "salt"

// saltOf is the salt of an account's app passwords: a new one for the first.
func saltOf(list []storedApp) []byte {
	if len(list) > 0 {
		return list[0].Salt
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	return salt
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

// Proofs returns what a name or an address may sign in with. What is told of one that nobody has
// looks the same, each time.
func (p *Passwords) Proofs(ctx context.Context, login string) (*Proofs, error) {
	secret, err := p.saltSecret(ctx)
	if err != nil {
		return nil, err
	}
	local, _, _ := strings.Cut(strings.ToLower(login), "@")
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(local)) // an account has the same salt under all of its names
	o := &Proofs{Salt: h.Sum(nil)[:saltBytes]}
	err = p.store.View(func(rd *mailstore.Reader) (err error) {
		if o.account, err = find(rd, login); errors.Is(err, mailstore.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
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

// Proved is the account of one of the keys of o, and notes that its app password is used; ErrWrong
// if that was taken back meanwhile.
func (p *Passwords) Proved(ctx context.Context, o *Proofs, which int) (mailstore.Account, error) {
	a := o.apps[which]
	err := p.store.View(func(rd *mailstore.Reader) error {
		has, err := rd.Space(space).Has(appKey(o.account.ID, a.ID))
		if err == nil && !has {
			err = ErrWrong
		}
		return err
	})
	if err == nil {
		err = p.used(ctx, o.account.ID, a)
	}
	if err != nil {
		return mailstore.Account{}, err
	}
	return o.account, nil
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
