package courier

import (
	"cmp"
	"context"
	"time"

	"cairn/mailstore/textroom"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/clock"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/holder"
	"cairn/smtpgw/pace"
)

// Config is what a courier goes by. A zero value in Sending and Clock takes its default.
type Config struct {
	// Hostname names this node in EHLO and in reports.
	Hostname string
	// Directory knows which addresses are the organisation's.
	Directory directory.Directory
	// Holders have mailboxes of local addresses that this node has not.
	Holders holder.Holders
	// Unrecorded says why this node records nothing at present; empty: it does, as with a nil func.
	// Mail between its own accounts is delivered all the same then, after Sending.Unrecorded.
	Unrecorded func() (why string, err error)
	// Sign signs what leaves for servers that are no nodes; nil: nothing is signed.
	Sign Sign
	// Carried is what the text of mail on its way is counted in, where others share it; nil: the
	// courier has a room of its own.
	Carried *textroom.Room
	// Suppress is for how long mail of an account is refused to addresses whose server has said
	// that they are gone; 0: not at all.
	Suppress time.Duration
	// Meter counts what becomes of mail; nil: nobody wants to know.
	Meter Meter
	// Sending says how the courier goes about its work.
	Sending Sending
	// Clock is what times are taken from.
	Clock clock.Clock
}

func (c Config) withDefaults() Config {
	c.Sending, c.Clock = c.Sending.withDefaults(), c.Clock.WithDefaults()
	if c.Meter == nil {
		c.Meter = unmetered{}
	}
	return c
}

// Meter counts what becomes of mail. It returns at once, and may be called by several
// goroutines.
type Meter interface {
	// Settled counts an attempt to carry mail to a domain: "delivered", "deferred" or "returned".
	Settled(outcome string)
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) Settled(string) {}

// Delivery stores mail for accounts of this node. It may be called from many goroutines.
type Delivery interface {
	// Deliver checks an arrival and stores it for all its recipients in one transaction; nil means
	// that it is durable. ref names it in the Received field. A *refuse.Refusal says that it cannot
	// be taken as it is; any other error is trouble of this node, and it may be delivered again.
	Deliver(ctx context.Context, a *arrival.Arrival, ref string) error
	// Ready is Deliver up to its transaction, which is to put what it returns.
	Ready(ctx context.Context, a *arrival.Arrival, ref string) (arrival.Landing, error)
}

// Sending bounds the courier's work. A zero value takes its default.
type Sending struct {
	client.Waits // for other servers

	Domains      int           // domains served at one time; default 64
	Sessions     int           // sessions at one time with one domain; default 8
	NodeSessions int           // the same with a domain that a node serves; default 32
	Here         int           // entries that are delivered here at one time, of one domain; default 32
	HostSessions int           // sessions at one time with the same mail servers that are no nodes, over all domains; default 20
	IdleSession  time.Duration // how long a session is kept for the next message; default 5 s
	Turn         time.Duration // that a domain is served while others wait to be; default 30 s
	FirstRetry   time.Duration // after the first failed attempt, then as long again as attempts have gone on; default 5 s
	MaxRetry     time.Duration // the longest wait between attempts; default 1 h
	Unrecorded   time.Duration // that mail between own accounts waits for its token while none are made; default 10 s
	Unsealed     time.Duration // between looks for mail that could not be recorded in the time it is kept; default 10 min
	Gather       time.Duration // that failures of one message wait for others of it, to be in one report; default 5 min
	Delay        time.Duration // after which the sender of mail that waits is told so; default 4 h
	Expire       time.Duration // after which mail is returned; default 5 days (RFC 5321, section 4.5.4.1)
}

func (s Sending) withDefaults() Sending {
	s.Waits = s.Waits.WithDefaults()
	s.Domains = cmp.Or(s.Domains, 64)
	s.Sessions = cmp.Or(s.Sessions, 8)
	s.NodeSessions = cmp.Or(s.NodeSessions, max(s.Sessions, 32))
	s.Here = cmp.Or(s.Here, 32)
	s.HostSessions = cmp.Or(s.HostSessions, 20)
	s.IdleSession = cmp.Or(s.IdleSession, 5*time.Second)
	s.Turn = cmp.Or(s.Turn, 30*time.Second)
	s.FirstRetry = cmp.Or(s.FirstRetry, 5*time.Second)
	s.MaxRetry = cmp.Or(s.MaxRetry, time.Hour)
	s.Unrecorded = cmp.Or(s.Unrecorded, 10*time.Second)
	s.Unsealed = cmp.Or(s.Unsealed, 10*time.Minute)
	s.Gather = cmp.Or(s.Gather, 5*time.Minute)
	s.Delay = cmp.Or(s.Delay, 4*time.Hour)
	s.Expire = cmp.Or(s.Expire, 5*24*time.Hour)
	return s
}

// pace is how many sessions with servers that are no nodes there may be, and when those that are
// away are tried again.
func (s *Sending) pace() pace.Config {
	return pace.Config{Sessions: s.HostSessions, Grow: time.Minute, First: s.FirstRetry, Longest: max(s.FirstRetry, min(s.MaxRetry, 10*time.Minute))}
}
