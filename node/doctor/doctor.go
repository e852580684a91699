// Package doctor says what is wrong with a node, and what mends it: by what was seen of its names
// in the DNS, of its listeners, its certificate and its own state. It looks at nothing itself.
package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Level is how bad a finding is.
type Level string

// The levels. Unknown is what could not be found out, which is neither good nor bad.
const (
	OK      Level = "ok"
	Warn    Level = "warn"
	Fail    Level = "fail"
	Unknown Level = "unknown"
)

// Record is a DNS record to publish. Name is absolute, with a final dot; the value of a TXT record
// is its text, without quotes.
type Record struct{ Name, Type, Value string }

// Finding is what was found of one thing.
type Finding struct {
	ID      string // of the kind of check, the same in all versions
	About   string // a domain, an address or an organisation; empty: the node
	Level   Level
	Found   string
	Why     string   // why that matters; empty where all is well
	Records []Record // to publish
	Next    string   // the next step; empty: none, or to publish the records
}

// Answer is what the DNS said of a name. No records and no fault: it has none.
type Answer struct {
	Records []string
	Fault   string // why it is not known; empty: it is
}

// Address is one of the node's.
type Address struct {
	Addr  netip.Addr
	Names Answer // that the DNS has for it
	// Back are those of Names, lower case without final dots, that lead back to the address (RFC
	// 8601, section 2.7.3).
	Back []string
	// Reach is why no connection could be made from here to port 25 of it; empty: one was.
	Reach string
}

// MX is a mail exchanger of a domain.
type MX struct {
	Host  string       // lower case without final dot; empty: the domain takes no mail (RFC 7505)
	Addrs []netip.Addr // none: it has none, or they are not known
}

// SPF is what a check for one of the node's addresses came to (RFC 7208, section 2.6).
type SPF struct {
	Addr           netip.Addr
	Result, Reason string
}

// DKIM is a key of a domain.
type DKIM struct {
	Selector, Name, Record string // the name without final dot
	State                  string // waiting, signing, former, ended
	Signs                  bool
	Fault                  string // of its record; empty: none
}

// DMARC is what counts for a domain, by its own record or one above it (RFC 9989).
type DMARC struct {
	Policy  string // none, quarantine, reject; empty: there is none
	Testing bool
	Sound   bool // the record of the domain itself can be read
	Fault   string
}

// STS is a policy of MTA-STS as it was fetched (RFC 8461).
type STS struct {
	Mode    string // enforce, testing, none; empty: there is none
	Refused []string
	Fault   string
}

// Domain is one of the organisation's.
type Domain struct {
	Name     string
	Reserved bool // kept out of the DNS (RFC 6761): nothing was asked

	MX      []MX
	MXFault string
	TXT     Answer // of the domain itself, where SPF is
	SPF     []SPF
	Keys    []DKIM
	KeysWhy string // why there are no keys
	DMARC   DMARC
	OwnTXT  Answer // _dmarc
	STS     STS
	STSTXT  Answer   // _mta-sts
	OwnSTS  []Record // what the policy that the node serves needs in the DNS; none: it serves none
	RPT     Answer   // _smtp._tls
}

// Certificate is what the listeners show for the host name.
type Certificate struct {
	Own      bool // the node made it
	ACME     bool // an authority is asked for one
	DNS      bool // it looks at a record in the DNS
	NotAfter time.Time
	Host     string // why it is not valid for the host name; empty: it is
	Chain    string // why others do not trust its chain; empty: they do
	Fault    string // why it cannot be read
}

// Unissued is a name for which the authority that is asked has not issued a certificate, or not
// renewed it.
type Unissued struct {
	Name, Why string
	Again     time.Time // when it is asked again; zero: it is not
}

// Outward is an attempt to reach a mail server outside.
type Outward struct {
	To    string // the domain, or the smarthost; empty: none is known
	Fault string // empty: a server took the connection

	Untried   string // why none was tried: the DNS does not say which
	Untrusted bool   // the fault is the smarthost's certificate
}

// Validation is of the resolver that is asked for what is signed.
type Validation struct {
	Off    bool   // none is to be asked
	Server string // its address; empty: there is none on this machine
	Fault  string // why it does not validate; empty: it does
	Silent bool   // the fault is that it could not be asked
}

// TLSA is what senders are told of the key of the listeners (RFC 7672).
type TLSA struct {
	Name      string   // under which the records stand, without final dot
	Record    string   // of the key that the listeners show
	Published []string // records that are there
	Next      string   // the record of the key that is to come; empty: none
	Former    string   // that of the key before, which may go; empty: none
	Matches   bool     // by one of them the listeners are who they should be
	Signed    bool     // what the DNS says of the name was validated
	Fault     string   // why that is not known; empty: it is
}

// State is what a running node says of itself.
type State struct {
	Clock    []string // findings, in words
	Waiting  bool     // mining and expiry wait for the clock
	Peers    int
	Others   bool // there are other organisations, or addresses to connect to
	Ended    string
	EndedNxt string
	Enrolled bool
	WaitsFor string
	Copied   bool
	Full     string
	Damaged  int
	Halted   string
	HaltNext string
	CutOff   []string
	Accounts bool // an account has a password
}

// Facts is all that is known.
type Facts struct {
	Now      time.Time
	Hostname string
	Direct   bool // mail goes to the mail exchangers of others from here
	Nobody   bool // mail for others is returned
	Source   []netip.Addr
	Records  string // declared: all, some, none

	Inbound, Submission, SubmissionTLS string // host:port; empty: off
	Relays                             bool   // mail servers of ours submit without a password

	Host        Answer // fault of the addresses of the host name
	Addresses   []Address
	Domains     []Domain
	Certificate Certificate
	Unissued    []Unissued
	Directory   *Directory // nil: none is configured
	DNS01       *DNS01     // nil: the authority is shown no records
	Outward     Outward
	Smarthosts  []Outward // each with which a session was tried, TLS and sign-in included
	Validation  Validation
	TLSA        *TLSA  // nil: the key is not known, or nothing was asked
	State       *State // nil: no node runs

	Milter *Milter // nil: no mail server is configured to ask about its mail
}

// What is to be done about a thing of the node itself.
const (
	NextStatus = "cairn status"
	NextRun    = "cairn run"
	NextCheck  = "with the node stopped: cairn check"
)

// Examine says what the facts come to, in the order in which a reader should go on.
func Examine(f *Facts) []Finding {
	var list []Finding
	list = append(list, f.hostAddress())
	for i := range f.Addresses {
		list = append(list, f.names(&f.Addresses[i]))
	}
	for i := range f.Domains {
		list = append(list, f.domain(&f.Domains[i])...)
	}
	list = append(list, f.dane())
	if f.TLSA != nil {
		list = append(list, f.tlsa())
	}
	list = append(list, f.certificate())
	for i := range f.Unissued {
		list = append(list, f.unissued(&f.Unissued[i]))
	}
	list = append(list, f.outward())
	list = append(list, f.smarthosts()...)
	list = append(list, f.inbound()...)
	list = append(list, f.submission())
	if f.Milter != nil {
		list = append(list, f.Milter.findings()...)
	}
	list = append(list, f.dns01()...)
	list = append(list, f.directory()...)
	return append(list, f.state()...)
}

// Worst is the worst level of a list; what is not known is no fault.
func Worst(list []Finding) Level {
	for _, l := range []Level{Fail, Warn} {
		if slices.ContainsFunc(list, func(f Finding) bool { return f.Level == l }) {
			return l
		}
	}
	return OK
}

func ok(id, about, format string, args ...any) Finding {
	return Finding{ID: id, About: about, Level: OK, Found: fmt.Sprintf(format, args...)}
}

func unknown(id, about, format string, args ...any) Finding {
	return Finding{ID: id, About: about, Level: Unknown, Found: fmt.Sprintf(format, args...)}
}

// asked is a finding of what the DNS did not say.
func asked(id, about, fault string) Finding {
	return Finding{ID: id, About: about, Level: Unknown, Found: "not known: " + fault}
}

// hostAddress looks for the addresses of the host name.
func (f *Facts) hostAddress() Finding {
	const id = "host-address"
	switch {
	case reservedName(f.Hostname):
		return Finding{ID: id, About: f.Hostname, Level: Warn, Found: "the host name is one that is kept out of the DNS (RFC 6761)",
			Why: "servers of the rest of the world cannot find this node, and many refuse mail of one with such a name", Next: "set hostname in the configuration to a name in your domain"}
	case f.Host.Fault != "":
		return asked(id, f.Hostname, f.Host.Fault)
	case len(f.Addresses) == 0:
		return Finding{ID: id, About: f.Hostname, Level: Fail, Found: "the host name has no address",
			Why:     "mail servers reach this node by that name, and refuse mail of one whose name leads nowhere",
			Records: []Record{{f.Hostname + ".", "A", "the public IPv4 address of this machine"}, {f.Hostname + ".", "AAAA", "the public IPv6 address of this machine, if it has one"}}}
	}
	var list []string
	for _, a := range f.Addresses {
		list = append(list, a.Addr.String())
	}
	return ok(id, f.Hostname, "%s", strings.Join(list, ", "))
}

// names holds the names of an address to the host name: forward-confirmed reverse DNS.
func (f *Facts) names(a *Address) Finding {
	const id = "reverse-name"
	about := a.Addr.String()
	switch {
	case !f.Direct:
		return unknown(id, about, "not looked at: no mail goes from here straight to mail servers of others")
	case slices.Contains(a.Back, f.Hostname):
		return ok(id, about, "%s, which leads back", f.Hostname)
	case a.Names.Fault != "":
		return asked(id, about, a.Names.Fault)
	}
	found := "the address has no name"
	if len(a.Names.Records) > 0 {
		found = "the address has the name " + strings.Join(a.Names.Records, ", ") + ", not " + f.Hostname
	}
	return Finding{ID: id, About: about, Level: Fail, Found: found,
		Why:     "many servers refuse mail from an address whose name does not lead back to it; whoever gave you the address sets its name",
		Records: []Record{{Reverse(a.Addr), "PTR", f.Hostname + "."}}}
}

// Reverse is the name under which the DNS has the name of an address (RFC 1035, section 3.5; RFC
// 3596, section 2.5).
func Reverse(a netip.Addr) string {
	a = a.Unmap()
	var b strings.Builder
	if a.Is4() {
		of := a.As4()
		for _, o := range slices.Backward(of[:]) {
			fmt.Fprintf(&b, "%d.", o)
		}
		return b.String() + "in-addr.arpa."
	}
	of := a.As16()
	for _, o := range slices.Backward(of[:]) {
		fmt.Fprintf(&b, "%x.%x.", o&15, o>>4)
	}
	return b.String() + "ip6.arpa."
}

// reservedName reports whether a name is kept out of the DNS.
func reservedName(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return slices.Contains([]string{"test", "example", "invalid", "localhost"}, last)
}

// Sent says what became of a mail that was sent to try the way: state as in the queue's deliveries
// (accepted, refused, waiting and so on), who replied and what.
func Sent(to, state, by, reply, why string) Finding {
	const id = "sent"
	if by != "" {
		by = " by " + by
	}
	switch state {
	case "accepted":
		return ok(id, to, "the mail was accepted%s: %s", by, reply)
	case "waiting":
		found := "the mail has not left yet"
		if why != "" {
			found += ": it waits for " + why
		}
		if reply != "" {
			found += "; the last attempt: " + reply
		}
		return Finding{ID: id, About: to, Level: Warn, Found: found, Why: "mail to there is late, or does not leave", Next: "cairn queue ls"}
	}
	return Finding{ID: id, About: to, Level: Fail, Found: fmt.Sprintf("the mail was %s%s: %s", state, by, reply), Why: "mail to there does not arrive"}
}
