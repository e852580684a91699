package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// Entry is one piece of outbound mail: a message for the recipients of one
// domain, which travel together. A recipient who is in neither To nor Cc has
// an entry alone, so that nobody learns who else got the mail.
type Entry struct {
	ID      uint64
	Ref     string // as told the submitter in the 250, and in Received
	Account mailstore.AccountID
	Message mailstore.MessageID // the sender's copy in Account
	Blob    [32]byte            // the message as it leaves, without the token
	From    string              // envelope sender; empty for the null sender
	Domain  string              // of the recipients, A-label
	// Recipients are envelope addresses; the domain is canonical, the local
	// part as given.
	Recipients  []string
	Created     time.Time // ms
	Token       []byte    // folded Cairn-Record field with its CRLF; nil: not sealed yet
	NextAttempt time.Time // ms; of no meaning while unsealed
	Attempts    uint32
	LastError   string
	History     []Attempt   // the latest attempts, oldest first
	Wish        record.Wish // of the submitter, about the record
	DSN         DSN         // the same, about reports
	RequireTLS  bool        // REQUIRETLS: it goes on only as RFC 8689 says
	// TLSReport: it is a TLS report of ours, which goes whatever is asked of TLS on the way, and
	// for a day (RFC 8460, section 5.3). It has no RequireTLS.
	TLSReport bool

	round uint32 // of its place, while it is sealed; see head
}

// Attempt is what became of one try to hand an entry over.
type Attempt struct {
	Time   time.Time // ms
	Result string
}

// maxHistory is how many attempts an entry remembers.
const maxHistory = 20

// TriedFor is for how long an entry has been tried. Where the first attempts are forgotten, since
// it is there.
func (e *Entry) TriedFor(now time.Time) time.Duration {
	switch {
	case len(e.History) == 0:
		return 0
	case int(e.Attempts) > len(e.History):
		return max(now.Sub(e.Created), 0)
	}
	return max(now.Sub(e.History[0].Time), 0)
}

// Tried notes the outcome of an attempt.
func (e *Entry) Tried(now time.Time, result string) {
	if len(result) > 1000 {
		result = result[:1000]
	}
	e.Attempts++
	e.LastError = result
	e.History = append(e.History, Attempt{Time: now, Result: result})
	if n := len(e.History) - maxHistory; n > 0 {
		e.History = e.History[n:]
	}
}

// Versions of an encoded entry, its first byte. Only what has a wish needs the
// second one, only one for derived components the third, and only what has a place
// in another round than the first the fourth. What was asked about reports needs the
// fifth, and only what was sent with REQUIRETLS the sixth, only a TLS report the seventh.
const (
	entryPlain  = 1
	entryWish   = 2
	entryDerive = 3
	entryRound  = 4
	entryDSN    = 5
	entryTLS    = 6
	entryReport = 7
)

// encode returns the stored form of an entry: the version, then the fields in
// the order of the struct without ID, which is the key. Integers are uvarints,
// byte strings and lists are preceded by their length, times are Unix
// milliseconds. The blob is 32 bytes as they are. A wish that is not the zero
// value makes it version 2: at the end are the types left out and the threshold.
// In version 3 the derived types follow, in version 4 these and the round, in version 5
// these, which may be none and 0, and what was asked about reports. Version 6
// is as version 5, whose question may be none there, and says by itself that REQUIRETLS was given;
// version 7 is as that, and says that it is a TLS report.
func (e *Entry) encode() []byte {
	b := make([]byte, 0, 256+len(e.Token))
	version := byte(entryPlain)
	switch {
	case e.TLSReport:
		version = entryReport
	case e.RequireTLS:
		version = entryTLS
	case !e.DSN.isZero():
		version = entryDSN
	case e.round > 0:
		version = entryRound
	case len(e.Wish.Derive) > 0:
		version = entryDerive
	case !isUsual(e.Wish):
		version = entryWish
	}
	b = append(b, version)
	b = appendString(b, e.Ref)
	b = binary.AppendUvarint(b, uint64(e.Account))
	b = binary.AppendUvarint(b, uint64(e.Message))
	b = append(b, e.Blob[:]...)
	b = appendString(b, e.From)
	b = appendString(b, e.Domain)
	b = binary.AppendUvarint(b, uint64(len(e.Recipients)))
	for _, r := range e.Recipients {
		b = appendString(b, r)
	}
	b = appendTime(b, e.Created)
	b = appendString(b, string(e.Token))
	b = appendTime(b, e.NextAttempt)
	b = binary.AppendUvarint(b, uint64(e.Attempts))
	b = appendString(b, e.LastError)
	b = binary.AppendUvarint(b, uint64(len(e.History)))
	for _, a := range e.History {
		b = appendTime(b, a.Time)
		b = appendString(b, a.Result)
	}
	if version >= entryWish {
		b = appendTypes(b, e.Wish.LeftOut)
		b = binary.AppendUvarint(b, uint64(e.Wish.Threshold))
	}
	if version >= entryDerive {
		b = appendTypes(b, e.Wish.Derive)
	}
	if version >= entryRound {
		b = binary.AppendUvarint(b, uint64(e.round))
	}
	if version >= entryDSN {
		b = appendDSN(b, &e.DSN)
	}
	return b
}

func appendTypes(b []byte, types []message.Type) []byte {
	b = binary.AppendUvarint(b, uint64(len(types)))
	for _, t := range types {
		b = append(b, byte(t))
	}
	return b
}

// errEntry is the reason for every failure of decodeEntry: the store handed
// back bytes that this version did not write.
var errEntry = errors.New("it is damaged or of a newer version: " + mailstore.NextCheck)

// decodeEntry reads what encode wrote, and nothing else.
func decodeEntry(id uint64, b []byte) (Entry, error) {
	d := decoder{b: b}
	version := byte(d.uint(255))
	if version < entryPlain || version > entryReport {
		return Entry{}, fmt.Errorf("queue entry %d, version %d: %w", id, version, errEntry)
	}
	e := Entry{ID: id}
	e.Ref = d.string()
	e.Account = mailstore.AccountID(d.uint(1<<32 - 1))
	e.Message = mailstore.MessageID(d.uint(1<<64 - 1))
	copy(e.Blob[:], d.bytes(32))
	e.From = d.string()
	e.Domain = d.string()
	for range d.count() {
		e.Recipients = append(e.Recipients, d.string())
	}
	e.Created = d.time()
	if t := d.string(); t != "" {
		e.Token = []byte(t)
	}
	e.NextAttempt = d.time()
	e.Attempts = uint32(d.uint(1<<32 - 1))
	e.LastError = d.string()
	for range d.count() {
		e.History = append(e.History, Attempt{Time: d.time(), Result: d.string()})
	}
	if version >= entryWish {
		e.Wish.LeftOut = d.types()
		e.Wish.Threshold = int(d.uint(100))
		d.bad = d.bad || version == entryWish && isUsual(e.Wish)
	}
	if version >= entryDerive {
		e.Wish.Derive = d.types()
		d.bad = d.bad || version == entryDerive && len(e.Wish.Derive) == 0
	}
	if version >= entryRound {
		e.round = uint32(d.uint(1<<32 - 1))
		d.bad = d.bad || version == entryRound && e.round == 0
	}
	if version >= entryDSN {
		e.DSN = d.dsn()
		e.RequireTLS, e.TLSReport = version == entryTLS, version == entryReport
		d.bad = d.bad || version == entryDSN && e.DSN.isZero()
	}
	if d.bad || len(d.b) > 0 {
		return Entry{}, fmt.Errorf("queue entry %d: %w", id, errEntry)
	}
	return e, nil
}

// isUsual reports whether a wish asks for nothing.
func isUsual(w record.Wish) bool { return len(w.LeftOut)+len(w.Derive)+w.Threshold == 0 }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	var ms uint64
	if !t.IsZero() {
		ms = uint64(t.UnixMilli())
	}
	return binary.AppendUvarint(b, ms)
}

// decoder takes fields off the front of b. After the first field that is not
// there, or not in its shortest form, bad is set and all further fields are
// zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) bytes(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad = true
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint(most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if d.bad || n <= 0 || v > most || n > 1 && d.b[n-1] == 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.bytes(int(d.uint(1 << 30)))) }

func (d *decoder) types() (types []message.Type) {
	for _, t := range d.bytes(d.count()) {
		types = append(types, message.Type(t))
	}
	return types
}

// count reads the length of a list; each element takes at least one byte.
func (d *decoder) count() int { return int(d.uint(uint64(len(d.b)))) }

func (d *decoder) time() time.Time {
	ms := d.uint(1<<53 - 1)
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}
