package smtpgw

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// Bounds of putting mail off while the DNS does not say whether it is from where it claims to be.
const (
	unsurePatience  = 30 * time.Minute // mail of a sender is put off; then it is taken as it is
	unsureKept      = 12 * time.Hour   // it is remembered that it was
	unsureMost      = 4096             // senders
	unsureOfNetwork = 256              // of them, of one network; those beyond are one to us
)

// unsure remembers whose mail is put off. Its methods may be called from many goroutines.
type unsure struct {
	now func() time.Time

	mu    sync.Mutex
	since map[unsureKey]unsureSince
	of    map[netip.Prefix]int // how many of them each network has
}

type (
	unsureKey   [sha256.Size]byte // of a sender and the domain in whose name he writes
	unsureSince struct {
		at      time.Time
		network netip.Prefix // that had it put off first
	}
)

func newUnsure(now func() time.Time) *unsure {
	return &unsure{now: now, since: make(map[unsureKey]unsureSince), of: make(map[netip.Prefix]int)}
}

// check is a *Refusal if the place of a message hangs on an answer of the DNS that may come yet:
// its domain may want it kept away, and no record speaks for it.
func (u *unsure) check(a *arrival.Arrival, verdict record.Verdict, e screen.Evidence) error {
	if verdict != record.Unrecorded && verdict != record.Missing {
		return nil
	}
	for _, r := range e {
		if r.Method == screen.MethodDMARC && r.Result == screen.TempError && r.Policy != "none" && u.putOff(a.Peer.Addr, a.From, r.About) {
			return refuse.With(451, 4, 7, 0, "whether this message is from %s is not known at present: the DNS does not answer; try again later", trace.Token(r.About))
		}
	}
	return nil
}

// putOff reports whether mail that a peer brings of a sender in the name of a domain is put off
// still. Where there is no room to remember that it was, it is taken: nothing is put off for ever.
func (u *unsure) putOff(peer, from, domain string) bool {
	network := networkOf(peer)
	now := u.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	key := unsureKey(sha256.Sum256([]byte(maildomain.AddressKey(from) + "\x00" + domain)))
	if !u.remembers(key, now) && u.full(network) {
		u.forget(now)
		if u.of[network] >= unsureOfNetwork { // who names so many may name any number
			key = sha256.Sum256([]byte("\x00" + network.String()))
		}
	}
	if u.remembers(key, now) {
		return now.Sub(u.since[key].at) < unsurePatience
	}
	u.drop(key)
	if len(u.since) >= unsureMost {
		return false
	}
	u.since[key] = unsureSince{now, network}
	u.of[network]++
	return true
}

// remembers reports whether a key is there and no older than is kept.
func (u *unsure) remembers(key unsureKey, now time.Time) bool {
	since, known := u.since[key]
	return known && !since.over(now)
}

// full reports whether there is no room for one more sender of a network.
func (u *unsure) full(network netip.Prefix) bool {
	return len(u.since) >= unsureMost || u.of[network] >= unsureOfNetwork
}

func (s unsureSince) over(now time.Time) bool {
	age := now.Sub(s.at)
	return age < 0 || age >= unsureKept
}

func (u *unsure) drop(key unsureKey) {
	since, known := u.since[key]
	if !known {
		return
	}
	delete(u.since, key)
	if u.of[since.network]--; u.of[since.network] == 0 {
		delete(u.of, since.network)
	}
}

// forget drops all that is needed no more.
func (u *unsure) forget(now time.Time) {
	for key, since := range u.since {
		if since.over(now) {
			u.drop(key)
		}
	}
}

// networkOf is the network of a peer, as one site commonly has it: the /24 of IPv4, the /48 of
// IPv6. All that have no address share one.
func networkOf(peer string) netip.Prefix {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Prefix{}
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	network, _ := ip.Prefix(bits) // so many it has
	return network
}
