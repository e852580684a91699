package smtpgw

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
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

// Mail that leaves for servers that are no nodes has an envelope sender of its own: a sub-address
// of the sender's, which names the queue entry and is signed (as VERP and BATV have it). What such
// a server reports later comes back to it, and nobody else's report counts.
//
//	user+b=TAG@domain
//
// TAG is in base32 without padding (RFC 4648, section 6), in lower case:
//
//	day u16      of the attempt, since 1970, big-endian
//	message      uvarint: the sent copy
//	entry        uvarint: the queue entry
//	mac          the first 8 octets of HMAC-SHA256
//
// of "cairn return path 1", account u32, day u16, message u64 and entry u64. The account is that of
// the address.

// returnSpace holds the key: "k" -> returnKey, JSON.
const returnSpace = "returnpath"

const (
	returnVersion = 1
	// returnMark begins the detail of such an address.
	returnMark = "b="
	// returnDays is for how long reports are taken: mail may wait for five days here and for as
	// long where it was handed to.
	returnDays = 10
	// maxLocalPart is that of RFC 5321, section 4.5.3.1.1, in octets.
	maxLocalPart = 64
	// macBytes keeps the address short. Who guesses has one try for each RCPT.
	macBytes = 8
)

var (
	returnKeyName  = []byte("k")
	returnEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

	errReturnKey = errors.New("the key of return paths is damaged or of a newer version: " + mailstore.NextCheck)
)

// returnKey is what return paths are signed with.
type returnKey struct {
	Version int    `json:"version"`
	Key     []byte `json:"key"` // 32 octets
}

// returnPath is what a signed address names.
type returnPath struct {
	day     uint16
	account mailstore.AccountID
	message mailstore.MessageID
	entry   uint64
}

func dayOf(t time.Time) uint16 { return uint16(t.Unix() / (24 * 60 * 60)) }

func (p returnPath) mac(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	b := binary.BigEndian.AppendUint32([]byte("cairn return path 1"), uint32(p.account))
	b = binary.BigEndian.AppendUint16(b, p.day)
	b = binary.BigEndian.AppendUint64(b, uint64(p.message))
	h.Write(binary.BigEndian.AppendUint64(b, p.entry))
	return h.Sum(nil)[:macBytes]
}

// tag is what stands behind returnMark.
func (p returnPath) tag(key []byte) string {
	b := binary.BigEndian.AppendUint16(nil, p.day)
	b = binary.AppendUvarint(b, uint64(p.message))
	b = binary.AppendUvarint(b, p.entry)
	return returnEncoding.EncodeToString(append(b, p.mac(key)...))
}

// parseReturn reads a tag that was signed with a key for mail of an account. ok is false for any
// other.
func parseReturn(tag string, account mailstore.AccountID, key []byte) (p returnPath, ok bool) {
	if len(tag) > maxLocalPart {
		return returnPath{}, false
	}
	b, err := returnEncoding.DecodeString(strings.ToLower(tag))
	if err != nil || len(b) < 2+2+macBytes {
		return returnPath{}, false
	}
	p = returnPath{day: binary.BigEndian.Uint16(b), account: account}
	rest, mac := b[2:len(b)-macBytes], b[len(b)-macBytes:]
	message, n := binary.Uvarint(rest)
	if n <= 0 {
		return returnPath{}, false
	}
	entry, m := binary.Uvarint(rest[n:])
	if m <= 0 || n+m != len(rest) {
		return returnPath{}, false
	}
	p.message, p.entry = mailstore.MessageID(message), entry
	return p, hmac.Equal(mac, p.mac(key))
}

// taken reports whether reports to it are taken at a time, which may be that of another time zone's
// day.
func (p returnPath) taken(now time.Time) bool {
	age := int(dayOf(now)) - int(p.day)
	return age >= -1 && age <= returnDays
}

// readReturnKey returns the key; mailstore.ErrNotFound when there is none yet.
func readReturnKey(r *mailstore.Reader) ([]byte, error) {
	b, err := r.Space(returnSpace).Get(returnKeyName)
	if err != nil {
		return nil, err
	}
	var k returnKey
	if json.Unmarshal(b, &k) != nil || k.Version != returnVersion || len(k.Key) != sha256.Size {
		return nil, errReturnKey
	}
	return k.Key, nil
}

// makeReturnKey makes the key where there is none.
func makeReturnKey(tx *mailstore.Tx) ([]byte, error) {
	key, err := readReturnKey(&tx.Reader)
	if !errors.Is(err, mailstore.ErrNotFound) {
		return key, err
	}
	key = make([]byte, sha256.Size)
	rand.Read(key)
	return key, tx.Space(returnSpace).PutJSON(returnKeyName, returnKey{returnVersion, key})
}

// detailOf is what stands behind the "+" of a local part (RFC 5233).
func detailOf(local string) (base, detail string) {
	base, detail, _ = strings.Cut(local, "+")
	return base, detail
}

// envelopeSender is from whom an entry's mail leaves in a session: its sender, or for a server that
// is no node the signed return path. A smarthost that knows us by name may take no other sender.
func (c *Courier) envelopeSender(ctx context.Context, o *outbound, e *outbox.Entry) string {
	if !o.foreign || o.known || e.From == "" {
		return e.From
	}
	from, err := c.signedReturn(ctx, e)
	if err != nil {
		c.log.Warn("mail leaves without a signed return path", "mail", e.Ref, "entry", e.ID, "err", err)
		return e.From
	}
	return from
}

// signedReturn is the return path of an entry; its sender where a report could not come to the
// account that sent it by a sub-address: that of a list or of a program elsewhere, or one that is
// too long.
func (c *Courier) signedReturn(ctx context.Context, e *outbox.Entry) (string, error) {
	m, err := address.Parse(e.From, true)
	if err != nil || !c.dir.isLocal(m.Domain) {
		return e.From, nil
	}
	var key []byte
	err = c.queue.Store().View(func(r *mailstore.Reader) (err error) {
		key, err = readReturnKey(r)
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) {
		err = c.update(ctx, func(tx *mailstore.Tx) (err error) {
			key, err = makeReturnKey(tx)
			return err
		})
	}
	if err != nil {
		return "", fmt.Errorf("the key of return paths: %w", err)
	}
	path := returnPath{day: dayOf(c.now()), account: e.Account, message: e.Message, entry: e.ID}
	base, _ := detailOf(m.Local)
	m.Local = base + "+" + returnMark + path.tag(key)
	if len(m.Local) > maxLocalPart {
		return e.From, nil
	}
	out := e.From
	err = c.queue.Store().View(func(r *mailstore.Reader) error {
		a, err := c.dir.account(r, m)
		if err == nil && a.ID == e.Account {
			out = m.String()
		}
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil
		}
		return err
	})
	return out, err
}

// returnPathOf is what an address that the null sender writes to names; nil for one that is no
// return path. The error may be the refusal.
func (d *Delivery) returnPathOf(r *mailstore.Reader, m address.Mailbox) (*returnPath, error) {
	_, detail := detailOf(m.Local)
	if len(detail) < len(returnMark) || !strings.EqualFold(detail[:len(returnMark)], returnMark) {
		return nil, nil
	}
	if _, err := r.AccountByAddress(m.Key()); err == nil {
		return nil, nil // an account has this very address
	}
	a, err := d.dir.account(r, m)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil // others say so
	}
	if err != nil {
		return nil, err
	}
	key, err := readReturnKey(r)
	if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
		return nil, err
	}
	p, ok := parseReturn(detail[len(returnMark):], a.ID, key)
	if err != nil || !ok || !d.distrust() && !p.taken(d.now()) {
		return nil, refuse.With(550, 5, 7, 1, "<%s> is no return path of mail that was sent from here in the last ten days", address.Path(m.String()))
	}
	return &p, nil
}

// mayReport is the refusal of a recipient of the null sender whose address is a return path that
// does not count.
func (d *Delivery) mayReport(m address.Mailbox) error {
	return d.store.View(func(r *mailstore.Reader) error {
		_, err := d.returnPathOf(r, m)
		return err
	})
}

// mendReturnKey drops a damaged key: another one is made, and what comes to the old one is refused.
func mendReturnKey(key []byte) func(tx *mailstore.Tx) error {
	if !bytes.Equal(key, returnKeyName) {
		return nil
	}
	return mailstore.IfThere(returnSpace, key, func(sp mailstore.Space) error { return sp.Delete(key) })
}
