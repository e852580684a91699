package smtpgw

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"cairn/consensus"
	"cairn/mailstore/message"
	"cairn/mailstore/passwords"
	"cairn/mailstore/textroom"
	"cairn/smtpgw/client"
	"cairn/smtpgw/clock"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/dnsbl"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/holder"
	"cairn/smtpgw/maillog"
)

// Mode says whom a server's listeners serve.
type Mode uint8

const (
	// Submission takes mail from the organisation's own users for anywhere.
	// Who is elsewhere has to sign in; whether programs of this machine do, Config.Unauthenticated
	// says.
	Submission Mode = iota + 1
	// Inbound takes mail from anywhere for the organisation's own users.
	Inbound
)

func (m Mode) String() string {
	if m == Submission {
		return "submission"
	}
	return "inbound"
}

// Config describes the gateway of one node. A zero value in Limits, Waits and
// Clock takes its default; Hostname, Domains and Postmaster have none.
type Config struct {
	// Hostname names this node in the banner, EHLO, Received fields,
	// Message-IDs and, as authserv-id, in Authentication-Results.
	Hostname string
	// Domains returns the mail domains of the organisation as they are now, A-label,
	// lower case. The first is the home of a bare <postmaster>.
	Domains func() []string
	// Postmaster is the address of the account that gets the mail of any
	// postmaster without an account of its own, and that owns what is
	// submitted with a null sender. When no account has this address the
	// oldest account stands in.
	Postmaster string
	// CatchAll is the address of the account that gets the mail for addresses of our domains that
	// no account of the organisation has; empty, or nobody's: such mail is refused.
	CatchAll string
	// RelayFrom are addresses that no account has and mail is submitted from all
	// the same, by a program or a mail server that this node is the smarthost of.
	// Each is as CanonicalRelay takes it; what it does not take allows nothing.
	RelayFrom []string
	// RelayNetworks are networks whose programs and mail servers submit without a password, as any
	// address of our domains or of RelayFrom.
	RelayNetworks []netip.Prefix
	// LeaveOut are the types of components that are recorded only of messages
	// that ask for it, see ParseLeaveOut.
	LeaveOut []message.Type
	// Derive are the types of derived components that are recorded unless a
	// message does not want them, see ParseDerive.
	Derive []message.Type
	// SubmissionFilter is run over each submitted message before it is queued and
	// recorded, InboundFilter over each arrival before it is stored; nil: none.
	SubmissionFilter, InboundFilter Filter
	// NodeKey returns the libp2p node key of a connection's peer, nil when the
	// connection is not a libp2p stream. A nil func is the same as nil keys.
	NodeKey func(net.Conn) *consensus.Key
	// Enrolled reports whether a node key is one of a member of the network and has not ended.
	// Inbound servers count streams of members by that key, all others by IP
	// address as they count TCP connections, and keep a quarter of Connections
	// and TextBytes for members: whoever is none makes node keys at will. A nil
	// func knows no members.
	Enrolled func(consensus.Key) bool
	// Unsure says why the organisation's domains may be others than Domains has, as while the chain
	// is fetched; empty: they are these. nil: they always are.
	Unsure func() (why string)
	// Silent says why this node may not speak for itself now, as while another process runs with
	// its keys; empty: it may, as with a nil func. Until it may, an inbound server takes nothing
	// and refuses nothing for good, and nobody is told for good that an address is not known here.
	// What its own users submit is queued.
	Silent func() (why string)
	// ToNode reports whether mail for a domain, none of ours, goes to nodes alone, as far as that
	// is known without asking anybody. Of what may go elsewhere 8-bit text is encoded before it is
	// recorded. nil: nothing is.
	ToNode func(domain string) bool
	// Holders have mailboxes of local addresses that this node has not.
	Holders holder.Holders
	// TLS is for STARTTLS and ServeTLS; nil: there is none.
	TLS *tls.Config
	// Passwords are of who submits; nil: AUTH is not offered, and whoever may connect may submit.
	Passwords *passwords.Passwords
	// Scram says which of its mechanisms AUTH offers.
	Scram Scram
	// Unauthenticated reports whether programs of this machine may submit without a password; nil:
	// they may where Passwords is nil.
	Unauthenticated func() bool
	// Nowhere tells of a domain of others why mail for it can go nowhere, now or later, as a Router
	// would: with client.ErrNoRoute or a *Refusal. Any other answer: it may. nil: nobody knows.
	Nowhere func(ctx context.Context, domain string) error
	// Blocklists asks which lists of addresses have a client; nil: there are none.
	Blocklists func(ctx context.Context, client netip.Addr) []dnsbl.List
	// Judged hears of mail that was stored what is to be reported to the domains of its authors
	// (RFC 9990). It returns at once; nil: nobody wants to know.
	Judged func(Judged)
	// Meter counts what becomes of mail; nil: nobody wants to know.
	Meter Meter
	// Limits bound what one peer may use.
	Limits Limits
	// Throttle bounds over time what strangers ask, of all servers that share it; nil: nobody is
	// held to more than Limits.
	Throttle *Throttle
	// Texts is what the text of messages that are coming in is counted in, where servers share one;
	// nil: each has one of its own, of Limits.TextBytes.
	Texts *textroom.Room
	// Suppress is for how long mail of an account is refused to addresses whose server has said
	// that they are gone; 0: not at all.
	Suppress time.Duration
	// Waits are for others of the organisation whom an arrival is handed to.
	Waits client.Waits

	// Clock is what times are taken from.
	Clock clock.Clock

	// Log gets a line for each mail that is submitted or filed; nil: there is none.
	Log *slog.Logger
}

// withDefaults is what a part of the gateway goes by. What Limits are depends on the part.
func (c Config) withDefaults() Config {
	c.Waits, c.Clock = c.Waits.WithDefaults(), c.Clock.WithDefaults()
	if c.Log == nil {
		c.Log = maillog.Discard
	}
	if c.Meter == nil {
		c.Meter = unmetered{}
	}
	if c.Silent == nil {
		c.Silent = func() string { return "" }
	}
	return c
}

// Directory is that of the organisation's addresses.
func (c Config) Directory() directory.Directory {
	return directory.New(directory.Config{Domains: c.Domains, Postmaster: c.Postmaster, CatchAll: c.CatchAll, Unsure: c.Unsure, Silent: c.Silent})
}

// Limits bound what peers may ask of a server.
type Limits struct {
	MessageBytes int64         // size of a message; default 25 MiB
	TextBytes    int64         // of message text that all sessions of a server hold at one time, those of one peer a quarter (Submission: all of it); default 256 MiB, never less than MessageBytes
	RoomWait     time.Duration // that a message waits in all for room for its text before it is refused for now; default 10 s
	Recipients   int           // of one message; default 100 (RFC 5321, section 4.5.3.1.8)
	LineBytes    int           // of a line of message text with its CRLF; default 128 KiB
	HeaderBytes  int           // size of a header section; default 256 KiB, for Inbound 16 KiB more
	HeaderLines  int           // lines of a header section; default 4096, for Inbound 256 more
	Errors       int           // 4xx and 5xx replies since the last accepted message before the peer is told to go; default 20
	Refused      int           // the same of recipients, which are not counted as Errors; default twice Recipients
	Beyond       int           // the same of recipients beyond those that a message may have, which are not counted as Refused; default 100 times Recipients
	Connections  int           // at one time over all listeners of a server; default 512
	PerPeer      int           // connections at one time of one IPv4 address or IPv6 /64, twice as many of an enrolled node; default 64, Connections for Submission, and there a quarter of these from another machine
	PerNetwork   int           // of one IPv4 /24 or IPv6 /48, enrolled nodes aside; default twice PerPeer; at Submission half of Connections from other machines, and three quarters from all of them

	CommandTimeout time.Duration // for a whole command line to arrive; default 5 min (RFC 5321, section 4.5.3.2.7)
	DataTimeout    time.Duration // for the next bytes of a message to arrive; default 3 min (section 4.5.3.2.5)
	WriteTimeout   time.Duration // for the peer to take a reply; default 1 min
	BytesPerSecond int64         // least average rate of message data, once DataTimeout has passed; default 256
	MessageTimeout time.Duration // for all data of a message, in however many chunks, and however fast it began; default 15 min
	TextTurn       time.Duration // that data which comes slower than 64 KiB a second keeps room for its text that others wait for; default 30 s
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.MessageBytes, 25<<20)
	orDefault(&l.TextBytes, 256<<20)
	l.TextBytes = max(l.TextBytes, l.MessageBytes)
	orDefault(&l.RoomWait, 10*time.Second)
	orDefault(&l.Recipients, 100)
	orDefault(&l.LineBytes, 128<<10)
	orDefault(&l.HeaderBytes, 256<<10)
	orDefault(&l.HeaderLines, 4096)
	orDefault(&l.Errors, 20)
	orDefault(&l.Refused, 2*l.Recipients)
	orDefault(&l.Beyond, 100*l.Recipients)
	orDefault(&l.Connections, 512)
	orDefault(&l.PerPeer, 64)
	orDefault(&l.PerNetwork, 2*l.PerPeer)
	orDefault(&l.CommandTimeout, 5*time.Minute)
	orDefault(&l.DataTimeout, 3*time.Minute)
	orDefault(&l.WriteTimeout, time.Minute)
	orDefault(&l.BytesPerSecond, 256)
	orDefault(&l.MessageTimeout, 15*time.Minute)
	orDefault(&l.TextTurn, 30*time.Second)
	return l
}

// of returns the limits of a server, with defaults that depend on whom it
// serves.
func (l Limits) of(mode Mode) Limits {
	full := l.withDefaults()
	if mode == Submission {
		if l.PerPeer == 0 {
			full.PerPeer = full.Connections // all come from loopback
		}
		return full
	}
	// What another node took has its trace and its record on top.
	if l.HeaderBytes == 0 {
		full.HeaderBytes += draft.OwnHeaderBytes
	}
	if l.HeaderLines == 0 {
		full.HeaderLines += draft.OwnHeaderLines
	}
	return full
}
