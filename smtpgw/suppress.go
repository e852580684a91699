package smtpgw

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
)

// An account's mail to an address that its server says is gone for good is refused for some time:
// whoever goes on sending to such addresses is soon taken for a spammer, and the sender knows at
// once.

// suppressedSpace holds these addresses, as JSON. Accounts are u32, big-endian:
//
//	account, address in lower case -> Suppressed
//	account 0, account             -> suppressedCount
const suppressedSpace = "suppressed"

const (
	suppressedVersion = 1
	// MaxSuppressed is how many addresses are on the list of an account.
	MaxSuppressed = 10_000
	// maxSuppressedWhy bounds the reply that is kept, in octets.
	maxSuppressedWhy = 300
)

// Suppressed is an address that an account's mail is not taken for.
type Suppressed struct {
	Version int                 `json:"version"`
	Account mailstore.AccountID `json:"account"`
	Address string              `json:"address"`
	Since   time.Time           `json:"since"` // UTC, whole seconds
	Until   time.Time           `json:"until"` // UTC, whole seconds: it expires by itself
	Why     string              `json:"why"`   // the reply of its server; empty: it was put there by hand
}

// suppressedCount is how long the list of an account is, so that a bulk sender's thousandth address
// costs no more than the first one. Without it the list is counted.
type suppressedCount struct {
	Version int       `json:"version"`
	Count   int       `json:"count"`
	Next    time.Time `json:"next"` // UTC: no address expires before it
}

// Errors that callers decide on with errors.Is.
var (
	// ErrSuppressedFull: the list of the account has MaxSuppressed addresses.
	ErrSuppressedFull = errors.New("the list of suppressed addresses is full")
	// ErrSuppressedOwn: the address is at a domain of this organisation.
	ErrSuppressedOwn = errors.New("addresses of this organisation are not suppressed")

	errSuppressed = errors.New("a suppressed address is damaged or of a newer version: " + mailstore.NextCheck)
)

func suppressedKey(account mailstore.AccountID, m address.Mailbox) []byte {
	return append(suppressedPrefix(account), m.Key()...)
}

func suppressedPrefix(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(account))
}

func suppressedCountKey(account mailstore.AccountID) []byte {
	return append(suppressedPrefix(0), suppressedPrefix(account)...)
}

func decodeSuppressed(b []byte) (s Suppressed, err error) {
	if err := json.Unmarshal(b, &s); err != nil || s.Version != suppressedVersion || s.Address == "" {
		return Suppressed{}, errSuppressed
	}
	return s, nil
}

// suppress puts an address on an account's list, in the place of what it says of it. A full list
// loses what has expired.
func suppress(tx *mailstore.Tx, m address.Mailbox, s Suppressed) error {
	s.Version, s.Address = suppressedVersion, m.String()
	s.Since, s.Until = s.Since.UTC().Truncate(time.Second), s.Until.UTC().Truncate(time.Second)
	if len(s.Why) > maxSuppressedWhy {
		s.Why = strings.ToValidUTF8(s.Why[:maxSuppressedWhy], "")
	}
	sp := tx.Space(suppressedSpace)
	key := suppressedKey(s.Account, m)
	known, err := sp.Has(key)
	if err != nil {
		return err
	}
	list, err := countSuppressed(sp, s.Account)
	if err == nil && !known && list.Count >= MaxSuppressed && !s.Since.Before(list.Next) {
		list, err = dropExpired(sp, s.Account, s.Since)
	}
	if err != nil {
		return err
	}
	if !known {
		if list.Count >= MaxSuppressed {
			return ErrSuppressedFull
		}
		list.Count++
	}
	list.expires(s.Until)
	return errors.Join(sp.PutJSON(key, s), sp.PutJSON(suppressedCountKey(s.Account), list))
}

// expires notes that an address does.
func (c *suppressedCount) expires(at time.Time) {
	if c.Next.IsZero() || at.Before(c.Next) {
		c.Next = at
	}
}

// countSuppressed is how long the list of an account is.
func countSuppressed(sp mailstore.Space, account mailstore.AccountID) (c suppressedCount, err error) {
	b, err := sp.Get(suppressedCountKey(account))
	if err == nil && json.Unmarshal(b, &c) == nil && c.Version == suppressedVersion {
		return c, nil
	}
	if err != nil && !errors.Is(err, mailstore.ErrNotFound) && !errors.Is(err, mailstore.ErrDamaged) {
		return c, err
	}
	return dropExpired(sp, account, time.Time{})
}

// dropExpired takes off an account's list what has expired, and tells how long it is then.
func dropExpired(sp mailstore.Space, account mailstore.AccountID, now time.Time) (c suppressedCount, err error) {
	c.Version = suppressedVersion
	var gone [][]byte
	err = sp.Scan(suppressedPrefix(account), nil, func(key, value []byte) bool {
		s, err := decodeSuppressed(value)
		if err == nil && s.Until.Before(now) {
			gone = append(gone, append([]byte(nil), key...))
			return true
		}
		c.Count++
		if err == nil {
			c.expires(s.Until)
		}
		return true
	})
	for _, key := range gone {
		err = errors.Join(err, sp.Delete(key))
	}
	if err != nil {
		return c, err
	}
	return c, sp.PutJSON(suppressedCountKey(account), c)
}

// sweepSuppressed takes off the lists what has expired.
func sweepSuppressed(tx *mailstore.Tx, now time.Time) error {
	sp := tx.Space(suppressedSpace)
	var due []mailstore.AccountID
	err := sp.Scan(suppressedPrefix(0), nil, func(key, value []byte) bool {
		var c suppressedCount
		if len(key) == 8 && json.Unmarshal(value, &c) == nil && c.Count > 0 && c.Next.Before(now) {
			due = append(due, mailstore.AccountID(binary.BigEndian.Uint32(key[4:])))
		}
		return true
	})
	for _, account := range due {
		if err == nil {
			_, err = dropExpired(sp, account, now)
		}
	}
	return err
}

// uncountSuppressed has the list of an account counted when that is needed next.
func uncountSuppressed(sp mailstore.Space, account mailstore.AccountID) error {
	key := suppressedCountKey(account)
	if known, err := sp.Has(key); err != nil || !known {
		return err
	}
	return sp.Delete(key)
}

// suppressed returns what an account's list says of an address at a time, nil if nothing.
func suppressed(r *mailstore.Reader, account mailstore.AccountID, m address.Mailbox, now time.Time) (*Suppressed, error) {
	b, err := r.Space(suppressedSpace).Get(suppressedKey(account, m))
	if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
		return nil, nil // mail is not refused for what nobody knows
	}
	if err != nil {
		return nil, err
	}
	s, err := decodeSuppressed(b)
	if err != nil || !now.Before(s.Until) {
		return nil, nil
	}
	return &s, nil
}

// SuppressedOf lists the addresses on the list at a time, by account and address: of one account,
// or with 0 of all.
func SuppressedOf(r *mailstore.Reader, account mailstore.AccountID, now time.Time) (all []Suppressed, err error) {
	var prefix []byte
	if account != 0 {
		prefix = suppressedPrefix(account)
	}
	err = r.Space(suppressedSpace).Scan(prefix, nil, func(_, value []byte) bool {
		if s, err := decodeSuppressed(value); err == nil && now.Before(s.Until) {
			all = append(all, s)
		}
		return true
	})
	return all, err
}

// Suppress puts an address on an account's list by hand. mailstore.ErrNotFound when there is no
// such account; a *Refusal says that it is no address.
func (s *Submitter) Suppress(tx *mailstore.Tx, account mailstore.AccountID, addr string, within time.Duration) (Suppressed, error) {
	m, err := address.Parse(addr, true)
	if err != nil {
		return Suppressed{}, err
	}
	if s.dir.isLocal(m.Domain) {
		return Suppressed{}, ErrSuppressedOwn
	}
	if _, err := tx.Account(account); err != nil {
		return Suppressed{}, err
	}
	now := s.now()
	if err := suppress(tx, m, Suppressed{Account: account, Since: now, Until: now.Add(within)}); err != nil {
		return Suppressed{}, err
	}
	b, err := tx.Space(suppressedSpace).Get(suppressedKey(account, m))
	if err != nil {
		return Suppressed{}, err
	}
	return decodeSuppressed(b)
}

// Unsuppress takes an address off an account's list; mailstore.ErrNotFound when it is not there.
func (s *Submitter) Unsuppress(tx *mailstore.Tx, account mailstore.AccountID, addr string) error {
	m, err := address.Parse(addr, true)
	if err != nil {
		return err
	}
	sp := tx.Space(suppressedSpace)
	if known, err := sp.Has(suppressedKey(account, m)); err != nil || !known {
		return errors.Join(err, mailstore.ErrNotFound)
	}
	return errors.Join(sp.Delete(suppressedKey(account, m)), uncountSuppressed(sp, account))
}

// UnsuppressAll takes all addresses off an account's list, for when it is removed.
func UnsuppressAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(suppressedSpace)
	var keys [][]byte
	err := sp.Keys(suppressedPrefix(account), nil, func(key []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, key := range keys {
		err = errors.Join(err, sp.Delete(key))
	}
	return errors.Join(err, uncountSuppressed(sp, account))
}

// notSuppressed is the refusal of a recipient who is on the sender's list.
func (s *Submitter) notSuppressed(who poster, m address.Mailbox) error {
	if who.from == "" {
		return nil
	}
	var known *Suppressed
	err := s.store.View(func(r *mailstore.Reader) (err error) {
		known, err = suppressed(r, who.account, m, s.now())
		return err
	})
	if err != nil || known == nil {
		return err
	}
	return refuse.With(550, 5, 1, 1, "<%s> is gone, as its server has said or the administrator; mail to it is taken again from %s, or after: cairn queue suppressed rm",
		shown(m.String()), known.Until.Format("2006-01-02 15:04 UTC"))
}

// goneFor are the recipients of an attempt of whom the other side says that they are gone for good.
// A reply that others had too, and that does not name them, says nothing of each.
func goneFor(out []fate) (gone []fate) {
	for i, f := range out {
		if !f.remote || !f.reply.permanent() {
			continue
		}
		switch statusCode(f.reply) {
		case "5.1.1", "5.1.6", "5.2.1": // RFC 3463: no such mailbox, moved, disabled
		default:
			continue
		}
		shared := false
		for j, other := range out {
			shared = shared || i != j && other.reply == f.reply
		}
		if !shared || strings.Contains(strings.ToLower(f.reply.text), strings.ToLower(address.Path(f.rcpt))) {
			gone = append(gone, f)
		}
	}
	return gone
}

// suppressGone puts those who are gone on the list of the account that has sent to them.
func (c *Courier) suppressGone(tx *mailstore.Tx, e *outbox.Entry, gone []fate, now time.Time) error {
	if e.From == "" {
		return nil
	}
	err := suppressGone(tx, c.dir, c.cfg.Suppress, e.Account, gone, now)
	if errors.Is(err, ErrSuppressedFull) {
		c.log.Warn("an address that is gone is not suppressed: the list of the account is full", "mail", e.Ref, "addresses", MaxSuppressed, "next", "cairn queue suppressed ls")
		return nil
	}
	return err
}

// suppressGone puts those who are gone on the list of an account, for some time; 0: not at all. The
// error may be ErrSuppressedFull.
func suppressGone(tx *mailstore.Tx, dir directory, within time.Duration, account mailstore.AccountID, gone []fate, now time.Time) error {
	if within <= 0 {
		return nil
	}
	for _, f := range gone {
		m, err := address.Parse(f.rcpt, true)
		if err != nil || dir.isLocal(m.Domain) {
			continue
		}
		s := Suppressed{Account: account, Since: now, Until: now.Add(within), Why: oneLine(f.reply.String())}
		if err = suppress(tx, m, s); err != nil {
			return fmt.Errorf("suppress an address: %w", err)
		}
	}
	return nil
}
