package passwords

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"cairn/mailstore"
	"cairn/mailstore/passwords/scram"
)

// space is the durable map in the mail store:
//
//	own/<account>      chosen, JSON
//	app/<account><id>  storedApp, JSON
//	salt               32 octets, of which the salts of names come that nobody has
//
// Numbers are big-endian.
const space = "passwords"

// Limits of passwords.
const (
	Shortest   = 10  // characters of one that is chosen
	longest    = 256 // octets
	MaxApps    = 64  // of an account
	maxAppName = 64  // octets
)

// usedEvery is how often it is noted at most that an app password is used.
const usedEvery = time.Hour

// Errors that callers decide on with errors.Is.
var (
	// ErrWrong: no such account, or not with that password. Which of the two is not told.
	ErrWrong = errors.New("passwords: wrong name or password")
	// ErrUnfit: a password that cannot be chosen.
	ErrUnfit = errors.New("passwords: unfit") // wrapped
	// ErrFull: the account has MaxApps app passwords.
	ErrFull = errors.New("passwords: an account can have no more app passwords")
	// ErrExists: the account has an app password of that name.
	ErrExists = errors.New("passwords: there is an app password of that name")
)

const version = 1

// chosen is the password of an account that its owner has chosen.
type chosen struct {
	Version int       `json:"version"`
	Hash    string    `json:"hash"` // PHC string, or as crypt(3) writes it
	Since   time.Time `json:"since"`
	Mark    string    `json:"mark"` // tells one password from the next: its hash may be made anew
}

// App is an app password, without its secret.
type App struct {
	ID       uint32    `json:"id"`
	Name     string    `json:"name"`
	Since    time.Time `json:"since"`
	LastUsed time.Time `json:"last_used,omitzero"` // to the hour; zero: never
}

type storedApp struct {
	Version int `json:"version"`
	App
	Digest [sha256.Size]byte `json:"digest"` // of the secret, which is random: nobody guesses it
	// For SCRAM, of the secret as it is shown and without its hyphens. The salt is that of all app
	// passwords of the account.
	Salt []byte        `json:"salt"`
	Keys [2]scram.Keys `json:"keys"`
}

// Passwords checks who signs in. It may be used by several goroutines.
type Passwords struct {
	store *mailstore.Store
	now   func() time.Time
	home  func() []string // the mail domains of the accounts, canonical
	slots slots           // hashes that are made at one time
	fake  string          // hash that names without one are checked against
	cost  cost

	directory Directory // of who has no password here; nil: there is none

	// foreign are the hashes of other programs that are checked at one time. What one of them costs
	// holds up nobody but who has such a one too.
	foreign slots
}

// atOnce and foreignAtOnce bound the memory and cores that strangers who guess can make this node
// spend.
const (
	atOnce        = 2
	foreignAtOnce = 1
)

// slots bound what is done at one time.
type slots chan struct{}

// enter waits for one of the slots.
func (s slots) enter(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slots) leave() { <-s }

// New returns the passwords of the accounts of store, whose mail domains home tells.
func New(store *mailstore.Store, now func() time.Time, home func() []string) *Passwords {
	return newWith(store, now, home, usual)
}

func newWith(store *mailstore.Store, now func() time.Time, home func() []string, c cost) *Passwords {
	return &Passwords{
		store: store, now: now, home: home, cost: c, fake: hash(rand.Text(), c),
		slots: make(slots, atOnce), foreign: make(slots, foreignAtOnce),
	}
}

// Set gives an account the password that its owner has chosen, in place of another.
func (p *Passwords) Set(ctx context.Context, account mailstore.AccountID, password string) error {
	password, err := prepared(password)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	if len([]rune(password)) < Shortest {
		return fmt.Errorf("%w: it has fewer than %d characters", ErrUnfit, Shortest)
	}
	if err := p.slots.enter(ctx); err != nil {
		return err
	}
	made := hash(password, p.cost)
	p.slots.leave()
	return p.put(ctx, account, made)
}

// SetHash gives an account a password of which another program has made a hash: with Argon2id,
// bcrypt or SHA-crypt. Its own is made once the account has signed in.
func (p *Passwords) SetHash(ctx context.Context, account mailstore.AccountID, hash string) error {
	hash, err := fit(hash)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	return p.put(ctx, account, hash)
}

func (p *Passwords) put(ctx context.Context, account mailstore.AccountID, hash string) error {
	return p.store.Update(ctx, func(tx *mailstore.Tx) error {
		if _, err := tx.Account(account); err != nil {
			return err
		}
		return tx.Space(space).PutJSON(ownKey(account), chosen{version, hash, p.now().UTC().Truncate(time.Second), rand.Text()})
	})
}

// renew puts a hash of our own in the place of another program's, unless the password was changed
// meanwhile.
func (p *Passwords) renew(ctx context.Context, account mailstore.AccountID, old chosen, password string) error {
	if err := p.slots.enter(ctx); err != nil {
		return err
	}
	made := hash(password, p.cost)
	p.slots.leave()
	return p.store.Update(ctx, func(tx *mailstore.Tx) error {
		var now chosen
		known, err := tx.Space(space).JSON(ownKey(account), &now)
		if err != nil || !known || now.Hash != old.Hash {
			return err
		}
		now.Hash = made
		return tx.Space(space).PutJSON(ownKey(account), now)
	})
}

// Unset takes the password back that an account's owner has chosen; mailstore.ErrNotFound if there
// is none.
func Unset(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(space)
	if has, err := sp.Has(ownKey(account)); err != nil || !has {
		return errors.Join(err, orNotFound(has))
	}
	return sp.Delete(ownKey(account))
}

func orNotFound(has bool) error {
	if has {
		return nil
	}
	return mailstore.ErrNotFound
}

// Chosen reports whether an account has a password that its owner has chosen.
func Chosen(rd *mailstore.Reader, account mailstore.AccountID) (bool, error) {
	return rd.Space(space).Has(ownKey(account))
}

// Any reports whether some account has a password.
func Any(rd *mailstore.Reader) (some bool, err error) {
	for _, prefix := range []string{"own/", "app/"} {
		err = errors.Join(err, rd.Space(space).Keys([]byte(prefix), nil, func([]byte) bool {
			some = true
			return false
		}))
	}
	return some, err
}

// AddApp makes an app password. The secret is told this once.
func (p *Passwords) AddApp(ctx context.Context, account mailstore.AccountID, name string) (a App, secret string, err error) {
	if name == "" || len(name) > maxAppName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return a, "", fmt.Errorf("%w: the name of an app password has 1 to %d octets, and no control characters", ErrUnfit, maxAppName)
	}
	var random [15]byte
	rand.Read(random[:]) // never fails
	secret = encoding.EncodeToString(random[:])
	salt, err := p.salt(ctx, account)
	if err != nil {
		return a, "", err
	}
	err = p.store.Update(ctx, func(tx *mailstore.Tx) error {
		if _, err := tx.Account(account); err != nil {
			return err
		}
		list, err := apps(&tx.Reader, account)
		if err != nil {
			return err
		}
		a = App{ID: 1, Name: name, Since: p.now().UTC().Truncate(time.Second)}
		for _, other := range list {
			if other.Name == name {
				return ErrExists
			}
			a.ID = max(a.ID, other.ID+1)
		}
		if len(list) >= MaxApps {
			return ErrFull
		}
		stored := storedApp{Version: version, App: a, Digest: sha256.Sum256([]byte(secret)), Salt: salt}
		for i, typed := range []string{grouped(secret), secret} {
			if stored.Keys[i], err = scram.Derive(typed, stored.Salt); err != nil {
				return err
			}
		}
		return tx.Space(space).PutJSON(appKey(account, a.ID), stored)
	})
	return a, grouped(secret), err
}

// encoding has no letters that are taken for digits.
var encoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// grouped is a secret as people type it.
func grouped(secret string) string {
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// RemoveApp takes an app password back; mailstore.ErrNotFound if there is none of that name.
func RemoveApp(tx *mailstore.Tx, account mailstore.AccountID, name string) error {
	list, err := apps(&tx.Reader, account)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Name == name {
			return tx.Space(space).Delete(appKey(account, a.ID))
		}
	}
	return mailstore.ErrNotFound
}

// Apps lists the app passwords of an account, the oldest first.
func Apps(rd *mailstore.Reader, account mailstore.AccountID) ([]App, error) {
	stored, err := apps(rd, account)
	list := make([]App, len(stored))
	for i := range stored {
		list[i] = stored[i].App
	}
	return list, err
}

func apps(rd *mailstore.Reader, account mailstore.AccountID) (list []storedApp, err error) {
	var bad error
	err = rd.Space(space).Scan(appPrefix(account), nil, func(key, value []byte) bool {
		var a storedApp
		if bad = json.Unmarshal(value, &a); bad != nil {
			bad = fmt.Errorf("stored app password: %w", bad)
			return false
		}
		list = append(list, a)
		return true
	})
	return list, errors.Join(err, bad)
}

// RemoveAll forgets the passwords of an account.
func RemoveAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(space)
	keys := [][]byte{ownKey(account)}
	err := sp.Keys(appPrefix(account), nil, func(key []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return true
	})
	for _, key := range keys {
		err = errors.Join(err, sp.Delete(key))
	}
	return err
}

// Grant is what somebody has signed in with.
type Grant struct {
	Account mailstore.Account

	mark  string // of its own password; empty: with an app password,
	app   storedApp
	until time.Time // or with one that the directory has, which is taken for its until then
}

// Stands reports whether that password counts still: it was neither changed nor taken back.
func (p *Passwords) Stands(g *Grant) (stands bool, err error) {
	err = p.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		if g.mark != "" {
			var own chosen
			known, err := sp.JSON(ownKey(g.Account.ID), &own)
			stands = known && own.Mark == g.mark
			return err
		}
		if !g.until.IsZero() {
			stands, err = p.directoryStands(rd, g)
			return err
		}
		var app storedApp
		known, err := sp.JSON(appKey(g.Account.ID, g.app.ID), &app)
		stands = known && app.Digest == g.app.Digest
		return err
	})
	return stands, err
}

// Check returns who signs in with a login, the name of an account or one of its addresses, and a
// password; ErrWrong if that is nobody. It takes no less time for a name that nobody has. While
// many sign in it waits for its turn.
func (p *Passwords) Check(ctx context.Context, login, password string) (Grant, error) {
	var account mailstore.Account
	own, list := chosen{Hash: p.fake}, []storedApp(nil)
	known := false
	err := p.store.View(func(rd *mailstore.Reader) (err error) {
		account, err = find(rd, login)
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if known, err = rd.Space(space).JSON(ownKey(account.ID), &own); err != nil {
			return err
		}
		list, err = apps(rd, account.ID)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("look up who signs in: %w", err)
	}
	digest := sha256.Sum256([]byte(strings.ToLower(strings.ReplaceAll(password, "-", ""))))
	for _, a := range list {
		if subtle.ConstantTimeCompare(digest[:], a.Digest[:]) == 1 {
			return Grant{Account: account, app: a}, p.used(ctx, account.ID, a)
		}
	}
	given, unfit := prepared(password)
	if unfit != nil { // it is nobody's; the time is taken all the same
		password = ""
	}
	if p.directory != nil && !known && unfit == nil {
		return p.askDirectory(ctx, login, account, password)
	}
	same, err := p.matches(ctx, own.Hash, given, password)
	switch {
	case err != nil:
		return Grant{}, err
	case !same || !known || unfit != nil:
		return Grant{}, ErrWrong
	case isForeign(own.Hash):
		err = p.renew(ctx, account.ID, own, given)
	}
	return Grant{Account: account, mark: own.Mark}, err
}

// matches reports whether a hash is of that password, which is also given as it was typed: those of
// other programs are of that. A wrong one takes as long as a hash of our own in any case.
func (p *Passwords) matches(ctx context.Context, stored, prepared, typed string) (bool, error) {
	if isForeign(stored) {
		if err := p.foreign.enter(ctx); err != nil {
			return false, err
		}
		same, err := matchesForeign(stored, typed)
		p.foreign.leave()
		if same || err != nil {
			return same, err
		}
		stored, prepared = p.fake, ""
	}
	if err := p.slots.enter(ctx); err != nil {
		return false, err
	}
	defer p.slots.leave()
	return matchesOwn(stored, prepared)
}

// find returns the account with that name or address.
func find(rd *mailstore.Reader, login string) (mailstore.Account, error) {
	if strings.Contains(login, "@") {
		address, err := mailstore.CanonicalAddress(login)
		if err != nil {
			return mailstore.Account{}, mailstore.ErrNotFound
		}
		return rd.AccountByAddress(address)
	}
	return rd.AccountByName(login)
}

// used notes that an app password is used, unless that was noted lately.
func (p *Passwords) used(ctx context.Context, account mailstore.AccountID, a storedApp) error {
	now := p.now().UTC().Truncate(usedEvery)
	if !a.LastUsed.Before(now) {
		return nil
	}
	return p.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp, key := tx.Space(space), appKey(account, a.ID)
		if has, err := sp.Has(key); err != nil || !has { // taken back meanwhile
			return errors.Join(err, ErrWrong)
		}
		a.LastUsed = now
		return sp.PutJSON(key, a)
	})
}

// prepared is a password as it is compared, however it was typed (RFC 8265, section 4.2).
func prepared(password string) (string, error) {
	if len(password) > longest {
		return "", fmt.Errorf("it has more than %d octets", longest)
	}
	s, err := precis.OpaqueString.String(password)
	if err != nil || !utf8.ValidString(password) {
		return "", errors.New("it is empty, is no UTF-8 or has control characters")
	}
	return s, nil
}

func ownKey(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte("own/"), uint32(account))
}

func appPrefix(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte("app/"), uint32(account))
}

func appKey(account mailstore.AccountID, id uint32) []byte {
	return binary.BigEndian.AppendUint32(appPrefix(account), id)
}
