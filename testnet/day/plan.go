package day

import (
	"fmt"
	"time"
)

// Kind is how the mail servers of a domain behave.
type Kind string

// The kinds of domains.
const (
	Well   Kind = "well"
	Down   Kind = "down"   // no server answers, or the DNS does not
	Slow   Kind = "slow"   // each reply takes long
	Grey   Kind = "grey"   // who is not known is put off for five minutes
	Refuse Kind = "refuse" // nothing is taken, for good
)

// Kinds lists them as they are told.
func Kinds() []Kind { return []Kind{Well, Slow, Grey, Refuse, Down} }

// Options say how much a day has.
type Options struct {
	In, Out int           // mails
	Domains int           // that mail goes out to
	Length  time.Duration // that the day takes
	Dir     string        // where the node keeps its data and log, made if need be

	Progress func(done int) // of the mails; nil: nobody wants to know
}

// A whole day.
const (
	MailsIn  = 20_000
	MailsOut = 5_000
	Domains  = 300
)

// Least is what a day has at the least, to have one of each kind.
const Least = 10

// Shares of a day: of 300 domains so many are of a kind, and of 100 mails two come back from
// domains that are well.
var (
	ofDomains = map[Kind]int{Down: 20, Slow: 10, Grey: 5, Refuse: 3}
	atLeast   = map[Kind]int{Down: 2, Slow: 1, Grey: 1, Refuse: 1} // Down: one of each way to be so
)

const (
	ofHundred = 2
	accounts  = 100
	sending   = 20 * time.Hour // of the day: mail comes and goes, and then there is time to settle it
)

// domain is one of the world's.
type domain struct {
	name string
	kind Kind
	host int // which of the hosts serves it; no two kinds share one

	silent bool // Down: the DNS does not answer
}

// fate is what has to become of a mail.
type fate string

const (
	delivered fate = "delivered"
	returned  fate = "returned" // with one report by this node
	reported  fate = "reported" // taken, and reported on later by who took it
	waiting   fate = "waiting"  // and its sender was told of that once
)

// mail is one of those that are sent.
type mail struct {
	id   string // its Message-ID, without the brackets
	out  bool
	from string
	to   []string // addresses; those of mail out are in no other mail
	at   time.Duration
	kind Kind // of the domains that it goes to
	fate fate
	user int // account that sends or gets it
	text int // octets, about
}

// plan is all that is to happen on a day.
type plan struct {
	domains []domain
	hosts   int
	mails   []*mail // by time
}

func account(i int) string { return fmt.Sprintf("user%02d", i) }

// makePlan spreads mails evenly over the day and the domains.
func makePlan(o *Options, home string) *plan {
	p := &plan{}
	p.makeDomains(o.Domains)
	out := p.outgoing(o.Out, home)
	in := incoming(o.In, home)
	for len(in)+len(out) > 0 { // merged by time
		if len(out) == 0 || len(in) > 0 && in[0].at <= out[0].at {
			p.mails, in = append(p.mails, in[0]), in[1:]
		} else {
			p.mails, out = append(p.mails, out[0]), out[1:]
		}
	}
	return p
}

// makeDomains makes the domains of each kind. Of those that are well each tenth host serves five.
func (p *plan) makeDomains(n int) {
	add := func(kind Kind, own bool) {
		if own || p.hosts == 0 {
			p.hosts++
		}
		d := domain{name: fmt.Sprintf("d%03d.example.net", len(p.domains)), kind: kind, host: p.hosts - 1}
		d.silent = kind == Down && len(p.domains)%2 == 0
		p.domains = append(p.domains, d)
	}
	for _, kind := range []Kind{Down, Slow, Grey, Refuse} {
		for range max(atLeast[kind], n*ofDomains[kind]/Domains) {
			add(kind, true)
		}
	}
	for i := 0; len(p.domains) < n || i == 0; i++ {
		add(Well, i%14 < 10)
	}
}

// outgoing plans the mails that leave.
func (p *plan) outgoing(n int, home string) (mails []*mail) {
	var well []*domain
	for i := range p.domains {
		if p.domains[i].kind == Well {
			well = append(well, &p.domains[i])
		}
	}
	bounces, bounced := max(4, n*ofHundred/100), 0
	for i := range n {
		d := &p.domains[i%len(p.domains)]
		m := &mail{
			id: fmt.Sprintf("out-%06d@%s", i, home), out: true, user: i % accounts, kind: d.kind, fate: fates[d.kind],
			to: []string{fmt.Sprintf("r%06d@%s", i, d.name)}, at: sending * time.Duration(i) / time.Duration(n), text: sizeOf(i),
		}
		m.from = account(m.user) + "@" + home
		if i*bounces/n != (i+1)*bounces/n { // one of so many
			to := func(what string, k int) string { return fmt.Sprintf("%s%06d@%s", what, i, well[(i+k)%len(well)].name) }
			m.kind, m.fate, m.to = Well, reported, []string{to(lateName, 0)}
			if bounced++; bounced%2 == 1 {
				m.fate, m.to = returned, []string{to(goneName, 0), to(goneName, 1)}[:min(2, len(well))]
			}
		}
		mails = append(mails, m)
	}
	return mails
}

// Recipients that are not there: of goneName that is said at once, of lateName in a report.
const (
	goneName = "gone"
	lateName = "late"
)

// fates of mail to people who are there.
var fates = map[Kind]fate{Well: delivered, Slow: delivered, Grey: delivered, Refuse: returned, Down: waiting}

// incoming plans the mails that arrive.
func incoming(n int, home string) (mails []*mail) {
	for i := range n {
		from := fmt.Sprintf("s%02d.example.org", i%50)
		m := &mail{
			id: fmt.Sprintf("in-%06d@%s", i, from), from: fmt.Sprintf("p%d@%s", i%1000, from), user: i % accounts, fate: delivered,
			at: sending * time.Duration(i) / time.Duration(n), text: sizeOf(i),
		}
		m.to = []string{account(m.user) + "@" + home}
		mails = append(mails, m)
	}
	return mails
}

// sizeOf is how large the text of a mail is: of most some KB, of few a hundred.
func sizeOf(i int) int {
	if i%50 == 49 {
		return 100_000
	}
	return 1000 + i%7*1000
}
