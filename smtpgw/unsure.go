package smtpgw

import (
	"crypto/sha256"
	"sync"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/screen"
)

// Bounds of putting mail off while the DNS does not say whether it is from where it claims to be.
const (
	unsurePatience = 30 * time.Minute // mail of a sender is put off; then it is taken as it is
	unsureKept     = 12 * time.Hour   // it is remembered that it was
	unsureMost     = 4096             // senders
)

// unsure remembers whose mail is put off. Its methods may be called from many goroutines.
type unsure struct {
	now func() time.Time

	mu    sync.Mutex
	since map[[sha256.Size]byte]time.Time
}

func newUnsure(now func() time.Time) *unsure {
	return &unsure{now: now, since: make(map[[sha256.Size]byte]time.Time)}
}

// check is a *Refusal if the place of a message hangs on an answer of the DNS that may come yet:
// its domain may want it kept away, and no record speaks for it.
func (u *unsure) check(a *Arrival, verdict record.Verdict, e screen.Evidence) error {
	if verdict != record.Unrecorded && verdict != record.Missing {
		return nil
	}
	for _, r := range e {
		if r.Method == screen.MethodDMARC && r.Result == screen.TempError && r.Policy != "none" && u.putOff(a.From, r.About) {
			return refusef(451, 4, 7, 0, "whether this message is from %s is not known at present: the DNS does not answer; try again later", traceToken(r.About))
		}
	}
	return nil
}

// putOff reports whether mail of a sender in the name of a domain is put off still. Where there is
// no room to remember that it was, it is taken: nothing is put off for ever.
func (u *unsure) putOff(from, domain string) bool {
	key := sha256.Sum256([]byte(maildomain.AddressKey(from) + "\x00" + domain))
	now := u.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	since, known := u.since[key]
	if age := now.Sub(since); known && age >= 0 && age < unsureKept {
		return age < unsurePatience
	}
	if !known && len(u.since) >= unsureMost && !u.forget(now) {
		return false
	}
	u.since[key] = now
	return true
}

// forget makes room; false if all that is remembered is needed still.
func (u *unsure) forget(now time.Time) bool {
	for key, since := range u.since {
		if age := now.Sub(since); age < 0 || age >= unsureKept {
			delete(u.since, key)
		}
	}
	return len(u.since) < unsureMost
}
