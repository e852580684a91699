package limits

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Event is something that a peer does.
type Event uint8

const (
	Connection       Event = iota + 1 // it connects
	Message                           // it begins a message
	Recipient                         // it names a recipient
	LargeMessage                      // it brings a message of Config.Large octets or more
	UnknownRecipient                  // it was told that a recipient is not here
	ProtocolError                     // it was told that a command is none, or out of order
	WrongPassword                     // it gave a wrong password
	EarlyTalker                       // it spoke before the greeting
	Stranger                          // as an account, it names a recipient that it has never written to
)

// AccountRate is the name in the configuration of the rate of an account.
func (e Event) AccountRate() string {
	return map[Event]string{Message: "account_messages", Recipient: "account_recipients", Stranger: "account_strangers", LargeMessage: "account_rate"}[e]
}

// weights are how much failures count.
var weights = [...]int64{UnknownRecipient: 1, ProtocolError: 1, WrongPassword: 4, EarlyTalker: 10}

// Answer says whether a peer may go on, or why not.
type Answer uint8

const (
	Proceed Answer = iota
	TooFast        // it has to wait for a moment
	Banned         // it failed too often: it is not listened to for a time
	Spammer        // too many large messages, or of an account too much: no message is taken from it for a time
)

// String is the word for an answer, as lists show it.
func (a Answer) String() string {
	return [...]string{Proceed: "free", TooFast: "too fast", Banned: "banned", Spammer: "likely spammer"}[a]
}

// Decision is what a Table makes of an event.
type Decision struct {
	Answer Answer
	Delay  time.Duration // before the reply to a failure
	New    bool          // the ban or hold begins with this event
	Left   time.Duration // of the ban or hold
	Prefix netip.Prefix  // whose it is, or who is too fast; not valid of an account
	Over   Event         // of an account that is held: what there was too much of
}

// A slot counts these.
const (
	connections = iota
	messages
	recipients
	failures // but for unknown recipients
	unknown  // recipients
	large
	meters

	strangers = connections // of an account, which makes none
)

// metersOfAccount are those of what an account does.
var metersOfAccount = [...]int{Message: messages, Recipient: recipients, LargeMessage: large, Stranger: strangers}

// meter is a Rate as a slot is held to it.
type meter struct{ gap, per int64 }

// Table remembers what peers did. It is not safe for use by several goroutines.
type Table struct {
	cfg      Config
	start    time.Time
	hosts    [meters]meter // for one host
	networks [meters]meter // for all of a network
	account  [meters]meter
	prefixes ledger[prefixKey]
	accounts ledger[string]
}

// New returns a Table that has seen nothing. Of the times that it is given later only how long they
// are after now counts, so a clock that is set changes nothing where they are monotonic.
func New(c Config, now time.Time) *Table {
	c = c.withDefaults()
	t := &Table{cfg: c, start: now, prefixes: newLedger[prefixKey](max(4*maxSpared, c.Prefixes)), accounts: newLedger[string](max(1, c.Accounts))}
	for i, r := range [meters]Rate{connections: c.Connections, messages: c.Messages, recipients: c.Recipients, failures: c.Failures, unknown: c.Failures, large: c.LargeRate} {
		t.hosts[i], t.networks[i] = meterOf(r, 1), meterOf(r, c.NetworkShare)
	}
	t.networks[large] = meter{} // who sends is a host
	for e, r := range map[Event]Rate{Message: c.AccountMessages, Recipient: c.AccountRecipients, Stranger: c.AccountStrangers, LargeMessage: c.AccountRate} {
		t.account[metersOfAccount[e]] = meterOf(r, 1)
	}
	return t
}

func meterOf(r Rate, times int64) meter {
	if r.Count == 0 {
		return meter{}
	}
	return meter{gap: max(1, int64(r.Per)/(r.Count*times)), per: int64(r.Per)}
}

// fits reports whether n more are within the rate of a meter that is filled up to then.
func (m meter) fits(filled, n, now int64) bool {
	return m.gap == 0 || max(filled, now)+n*m.gap-now <= m.per
}

// add counts n more.
func (m meter) add(filled *int64, n, now int64) { *filled = max(*filled, now) + n*m.gap }

// level is how many count at this time.
func (m meter) level(filled, now int64) int {
	if m.gap == 0 || filled <= now {
		return 0
	}
	return int((filled - now + m.gap - 1) / m.gap)
}

// IsLarge reports whether a message of so many octets is a large one, for peers or for accounts.
func (t *Table) IsLarge(size int64) bool { return t.cfg.Large > 0 && size >= t.cfg.Large }

// Exempts reports whether an address is never limited.
func (t *Table) Exempts(a netip.Addr) bool { return t.cfg.exempts(a) }

// Decide counts an event of a peer and says what follows. Without an address, as of a stream by way
// of others, all peers that have none count as one. A zone is not looked at.
func (t *Table) Decide(e Event, from netip.Addr, now time.Time) Decision {
	a := addressOf(from)
	if t.cfg.exempts(a) {
		return Decision{}
	}
	at := int64(now.Sub(t.start))
	host, network := t.pair(a, at)
	switch {
	case e >= UnknownRecipient:
		return t.failed(host, network, e, at)
	case keeps(network, e, at):
		return kept(network, at)
	case keeps(host, e, at):
		return kept(host, at)
	case e == LargeMessage:
		return t.sized(host, at)
	}
	return t.counted(host, network, int(e-Connection), at)
}

// addressOf is what a peer counts as.
func addressOf(from netip.Addr) netip.Addr {
	if !from.IsValid() {
		return netip.IPv6Unspecified()
	}
	return from.Unmap().WithZone("")
}

// pair is what is remembered of the host and of the network of an address. Both are valid until a
// slot is seen again: the table has room for far more than two.
func (t *Table) pair(a netip.Addr, now int64) (host, network *slot[prefixKey]) {
	key := hostKey(a)
	i := t.prefixes.see(key, now)
	j := t.prefixes.see(key.network(), now)
	return &t.prefixes.slots[i], &t.prefixes.slots[j]
}

// keeps reports whether a ban or a hold is in the way of an event. Who is held may connect.
func keeps(s *slot[prefixKey], e Event, now int64) bool {
	return s.until > now && (s.why == Banned || e != Connection && e < UnknownRecipient)
}

func kept(s *slot[prefixKey], now int64) Decision {
	return Decision{Answer: s.why, Left: time.Duration(s.until - now), Prefix: s.key.prefix()}
}

// sized counts a large message.
func (t *Table) sized(host *slot[prefixKey], now int64) Decision {
	if m := t.hosts[large]; m.fits(host.filled[large], 1, now) {
		m.add(&host.filled[large], 1, now)
		return Decision{}
	}
	return t.keepOut(host, Spammer, now)
}

// counted counts one more for a host and its network, if it is within the rates of both.
func (t *Table) counted(host, network *slot[prefixKey], what int, now int64) Decision {
	ofHost, ofNetwork := t.hosts[what], t.networks[what]
	switch {
	case !ofHost.fits(host.filled[what], 1, now):
		return Decision{Answer: TooFast, Prefix: host.key.prefix()}
	case !ofNetwork.fits(network.filled[what], 1, now):
		return Decision{Answer: TooFast, Prefix: network.key.prefix()}
	}
	if what == recipients {
		host.named.count(1, 0, now)
		network.named.count(1, 0, now)
	}
	ofHost.add(&host.filled[what], 1, now)
	ofNetwork.add(&network.filled[what], 1, now)
	return Decision{}
}

// failed counts a failure. Beyond half of what a host may have, replies to it are delayed; beyond
// all of it, it is banned, but for unknown recipients among enough that are known.
func (t *Table) failed(host, network *slot[prefixKey], e Event, now int64) (d Decision) {
	for i, s := range [2]*slot[prefixKey]{network, host} {
		m := [2]meter{t.networks[failures], t.hosts[failures]}[i]
		if keeps(s, ProtocolError, now) {
			return kept(s, now)
		}
		if e == UnknownRecipient {
			s.named.count(0, 1, now)
		}
		switch answer, spent := s.judge(m, e, now); answer {
		case Banned:
			s.filled[failures], s.filled[unknown] = 0, 0
			return t.keepOut(s, Banned, now)
		case TooFast:
			d.Answer, d.Delay, d.Prefix = TooFast, t.cfg.Delay, s.key.prefix()
		case Proceed:
			m.add(&s.filled[meterOfFailure(e)], weights[e], now)
			d.Delay = max(d.Delay, m.delay(spent, t.cfg.Delay))
		}
	}
	return d
}

// PutsOff reports whether a peer, which goes on naming unknown recipients, is to try again later:
// it has named too many, yet brings mail of others too. It counts nothing.
func (t *Table) PutsOff(from netip.Addr, now time.Time) bool {
	a := addressOf(from)
	if t.cfg.exempts(a) {
		return false
	}
	at := int64(now.Sub(t.start))
	host, network := t.pair(a, at)
	ofHost, _ := host.judge(t.hosts[failures], UnknownRecipient, at)
	ofNetwork, _ := network.judge(t.networks[failures], UnknownRecipient, at)
	return max(ofHost, ofNetwork) == TooFast
}

// judge is what follows from another failure, and how much counts with it.
func (s *slot[K]) judge(m meter, e Event, now int64) (a Answer, spent int64) {
	spent = s.spent(e, now) + weights[e]*m.gap
	switch {
	case spent <= m.per:
		return Proceed, spent
	case e == UnknownRecipient && !s.named.mostlyUnknown():
		return TooFast, spent
	}
	return Banned, spent
}

func meterOfFailure(e Event) int {
	if e == UnknownRecipient {
		return unknown
	}
	return failures
}

// spent is how much counts together with a failure: unknown recipients count with all others only
// where most are unknown.
func (s *slot[K]) spent(e Event, now int64) int64 {
	ofKind := max(s.filled[meterOfFailure(e)]-now, 0)
	if !s.named.mostlyUnknown() {
		return ofKind
	}
	return max(s.filled[failures]-now, 0) + max(s.filled[unknown]-now, 0)
}

// delay is none up to half of the rate, and grows from there to the longest.
func (m meter) delay(level int64, longest time.Duration) time.Duration {
	if m.gap == 0 {
		return 0
	}
	beyond := float64(level)/float64(m.per)*2 - 1
	if beyond <= 0 {
		return 0
	}
	return min(longest, time.Duration((0.1+0.9*beyond)*float64(longest)))
}

// keepOut begins a ban or a hold of a prefix.
func (t *Table) keepOut(s *slot[prefixKey], why Answer, now int64) Decision {
	left := t.extend(&s.until, &s.times, now)
	s.why = why
	return Decision{Answer: why, New: true, Left: left, Prefix: s.key.prefix()}
}

// extend begins one of the length that it has by those before.
func (t *Table) extend(until *int64, times *uint8, now int64) (left time.Duration) {
	if now-*until > int64(t.cfg.MaxBan) {
		*times = 0
	}
	left = t.cfg.MaxBan
	if shift := *times; shift < 16 && t.cfg.Ban<<shift < t.cfg.MaxBan {
		left = t.cfg.Ban << shift
	}
	*times = min(*times+1, 100)
	*until = now + int64(left)
	return left
}

// Account counts what an account that has signed in does: a Message, a Recipient, a Stranger or a
// LargeMessage. It says whether that is taken: Proceed, or Spammer while the account is held.
func (t *Table) Account(e Event, name string, now time.Time) Decision {
	if left, over := t.hold(name, now); left > 0 {
		return Decision{Answer: Spammer, Left: left, Over: over}
	}
	what := metersOfAccount[e]
	m := t.account[what]
	if m.gap == 0 {
		return Decision{}
	}
	at := int64(now.Sub(t.start))
	s := &t.accounts.slots[t.accounts.see(name, at)]
	if m.fits(s.filled[what], 1, at) {
		m.add(&s.filled[what], 1, at)
		return Decision{}
	}
	s.why, s.over = Spammer, e
	return Decision{Answer: Spammer, New: true, Left: t.extend(&s.until, &s.times, at), Over: e}
}

// hold says how long an account is held yet, and what there was too much of; 0: it is not.
func (t *Table) hold(name string, now time.Time) (left time.Duration, over Event) {
	at := int64(now.Sub(t.start))
	if i, ok := t.accounts.at[name]; ok && t.accounts.slots[i].until > at {
		return time.Duration(t.accounts.slots[i].until - at), t.accounts.slots[i].over
	}
	return 0, 0
}

// Held says how long an account is held yet; 0: it is not.
func (t *Table) Held(name string, now time.Time) time.Duration {
	left, _ := t.hold(name, now)
	return left
}

// prefixKey is a prefix without pointers: of 32 or fewer bits of IPv4, or 64 or fewer of IPv6.
type prefixKey struct {
	bits uint64
	kind prefixKind
}

type prefixKind uint8

const (
	host4 prefixKind = iota
	network4
	host6
	network6
)

// hostKey is the address of IPv4, the /64 of IPv6.
func hostKey(a netip.Addr) prefixKey {
	if a.Is4() {
		b := a.As4()
		return prefixKey{uint64(binary.BigEndian.Uint32(b[:])), host4}
	}
	b := a.As16()
	return prefixKey{binary.BigEndian.Uint64(b[:]), host6}
}

// network is the /24 of a host of IPv4, the /48 of one of IPv6.
func (k prefixKey) network() prefixKey {
	if k.kind == host4 {
		return prefixKey{k.bits &^ 0xff, network4}
	}
	return prefixKey{k.bits &^ 0xffff, network6}
}

// prefix is the prefix that a key stands for.
func (k prefixKey) prefix() netip.Prefix {
	if k.kind <= network4 {
		a := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(k.bits))))
		return netip.PrefixFrom(a, [2]int{32, 24}[k.kind])
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], k.bits)
	return netip.PrefixFrom(netip.AddrFrom16(b), [2]int{64, 48}[k.kind-host6])
}
