// Package returnpath signs the envelope senders of what leaves the network, and reads them again.
//
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
package returnpath

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"cairn/mailstore"
)

// space holds the key: "k" -> storedKey, JSON.
const space = "returnpath"

const (
	version = 1
	// Mark begins the detail of such an address.
	Mark = "b="
	// days is for how long reports are taken: mail may wait for five days here and for as
	// long where it was handed to.
	days = 10
	// MaxLocalPart is that of RFC 5321, section 4.5.3.1.1, in octets.
	MaxLocalPart = 64
	// macBytes keeps the address short. Who guesses has one try for each RCPT.
	macBytes = 8
)

var (
	keyName  = []byte("k")
	encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

	errKey = errors.New("the key of return paths is damaged or of a newer version: " + mailstore.NextCheck)
)

// storedKey is what return paths are signed with.
type storedKey struct {
	Version int    `json:"version"`
	Key     []byte `json:"key"` // 32 octets
}

// Path is what a signed address names.
type Path struct {
	Day     uint16
	Account mailstore.AccountID
	Message mailstore.MessageID
	Entry   uint64
}

// Day is the day of a time.
func Day(t time.Time) uint16 { return uint16(t.Unix() / (24 * 60 * 60)) }

func (p Path) mac(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	b := binary.BigEndian.AppendUint32([]byte("cairn return path 1"), uint32(p.Account))
	b = binary.BigEndian.AppendUint16(b, p.Day)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Message))
	h.Write(binary.BigEndian.AppendUint64(b, p.Entry))
	return h.Sum(nil)[:macBytes]
}

// Tag is what stands behind Mark.
func (p Path) Tag(key []byte) string {
	b := binary.BigEndian.AppendUint16(nil, p.Day)
	b = binary.AppendUvarint(b, uint64(p.Message))
	b = binary.AppendUvarint(b, p.Entry)
	return encoding.EncodeToString(append(b, p.mac(key)...))
}

// Parse reads a tag that was signed with a key for mail of an account. ok is false for any
// other.
func Parse(tag string, account mailstore.AccountID, key []byte) (p Path, ok bool) {
	if len(tag) > MaxLocalPart {
		return Path{}, false
	}
	b, err := encoding.DecodeString(strings.ToLower(tag))
	if err != nil || len(b) < 2+2+macBytes {
		return Path{}, false
	}
	p = Path{Day: binary.BigEndian.Uint16(b), Account: account}
	rest, mac := b[2:len(b)-macBytes], b[len(b)-macBytes:]
	message, n := binary.Uvarint(rest)
	if n <= 0 {
		return Path{}, false
	}
	entry, m := binary.Uvarint(rest[n:])
	if m <= 0 || n+m != len(rest) {
		return Path{}, false
	}
	p.Message, p.Entry = mailstore.MessageID(message), entry
	return p, hmac.Equal(mac, p.mac(key))
}

// Taken reports whether reports to it are taken at a time, which may be that of another time zone's
// day.
func (p Path) Taken(now time.Time) bool {
	age := int(Day(now)) - int(p.Day)
	return age >= -1 && age <= days
}

// Key returns the key; mailstore.ErrNotFound when there is none yet.
func Key(r *mailstore.Reader) ([]byte, error) {
	b, err := r.Space(space).Get(keyName)
	if err != nil {
		return nil, err
	}
	var k storedKey
	if json.Unmarshal(b, &k) != nil || k.Version != version || len(k.Key) != sha256.Size {
		return nil, errKey
	}
	return k.Key, nil
}

// MakeKey makes the key where there is none.
func MakeKey(tx *mailstore.Tx) ([]byte, error) {
	key, err := Key(&tx.Reader)
	if !errors.Is(err, mailstore.ErrNotFound) {
		return key, err
	}
	key = make([]byte, sha256.Size)
	rand.Read(key)
	return key, tx.Space(space).PutJSON(keyName, storedKey{version, key})
}

// Detail is what stands behind the "+" of a local part (RFC 5233).
func Detail(local string) (base, detail string) {
	base, detail, _ = strings.Cut(local, "+")
	return base, detail
}

// MapCheck is what a check of the store is to know of the key.
func MapCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: space, MendOf: mend, DoneOf: func([]byte) string {
		return "another key signs return paths from now on: reports on mail that left before are refused"
	}}
}

// mend drops a damaged key: another one is made, and what comes to the old one is refused.
func mend(key []byte) func(tx *mailstore.Tx) error {
	if !bytes.Equal(key, keyName) {
		return nil
	}
	return mailstore.IfThere(space, key, func(sp mailstore.Space) error { return sp.Delete(key) })
}
