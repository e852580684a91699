package dnssec

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Bounds of one answer.
const (
	maxUDP     = 1232 // octets that are asked for by UDP; what is larger comes by TCP
	maxRecords = 200  // of the answer section
	maxAliases = 10   // that lead from one name to another
)

// TypeTLSA is that of TLSA records (RFC 6698, section 7.1).
const TypeTLSA = dnsmessage.Type(52)

// Why there is no answer. None of them says that there is nothing.
var (
	// ErrFails is that the resolver has found no answer, or one that is forged (SERVFAIL).
	ErrFails = errors.New("the resolver has no answer that can be trusted")
	// ErrSilent is that the resolver does not answer.
	ErrSilent = errors.New("the resolver does not answer")
	// ErrTooMuch is that it says more than is heeded.
	ErrTooMuch = errors.New("the DNS says more than is heeded")
	// ErrUnsound is that what it says cannot be read.
	ErrUnsound = errors.New("the answer of the resolver cannot be read")
)

// Answer is what the DNS says of a name.
type Answer struct {
	// Secure is whether the resolver has validated it all: aliases and records, or that there are
	// none (the AD bit; RFC 4035, section 3.2.3).
	Secure bool
	// Name is where aliases led, in lower case and without final dot; without any the name that was
	// asked for.
	Name string
	// Records are those of the type that was asked for. None: there are none.
	Records []Record
	// TTL is for how long all of it counts.
	TTL time.Duration
	// Told is the shortest TTL that records and aliases have by their own word, which is what is
	// left of it where the resolver keeps them; zero without any.
	Told time.Duration
}

// Record is one of an answer; the one field of its type is set.
type Record struct {
	Addr []byte // A and AAAA: 4 or 16 octets
	MX   MX
	Name string // CNAME and NS: in lower case, without final dot
	Text string // TXT: its parts in one
	Data []byte // TLSA, and all others
}

// MX is a mail exchanger; Host has its final dot.
type MX struct {
	Host string
	Pref uint16
}

// query builds the question for a name, absolute, with the wish to hear what was validated (RFC
// 6840, section 5.7). Errors: the name cannot be in the DNS.
func query(id uint16, name string, kind dnsmessage.Type) ([]byte, dnsmessage.Question, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, dnsmessage.Question{}, fmt.Errorf("%.80q is no name: %w", name, err)
	}
	q := dnsmessage.Question{Name: n, Type: kind, Class: dnsmessage.ClassINET}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true, AuthenticData: true})
	var size dnsmessage.ResourceHeader
	err = errors.Join(b.StartQuestions(), b.Question(q), b.StartAdditionals(),
		size.SetEDNS0(maxUDP, dnsmessage.RCodeSuccess, false), b.OPTResource(size, dnsmessage.OPTResource{}))
	if err != nil {
		return nil, q, fmt.Errorf("%.80q is no name: %w", name, err)
	}
	msg, err := b.Finish()
	return msg, q, err
}

// answers reports whether a message is the answer to a question, and not to another or anybody's.
func answers(msg []byte, id uint16, q dnsmessage.Question) (is, cut bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || !h.Response || h.ID != id {
		return false, false
	}
	of, err := p.Question()
	return err == nil && of.Type == q.Type && of.Class == q.Class && same(of.Name.String(), q.Name.String()), h.Truncated
}

// parse reads the answer to a question. Errors wrap one of those above.
func parse(msg []byte, q dnsmessage.Question) (Answer, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err == nil {
		err = p.SkipAllQuestions()
	}
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("%w: %w", ErrUnsound, err)
	case h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError:
		return Answer{}, fmt.Errorf("%w (%s)", ErrFails, strings.TrimPrefix(h.RCode.String(), "RCode"))
	}
	s := section{q: q, aliases: make(map[string]string), records: make(map[string][]Record), ttl: maxTTL, told: math.MaxInt64}
	for n := 0; ; n++ {
		rh, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if n == maxRecords {
			return Answer{}, ErrTooMuch
		}
		if err == nil {
			err = s.take(&p, rh)
		}
		if err != nil {
			return Answer{}, fmt.Errorf("%w: %w", ErrUnsound, err)
		}
	}
	a := Answer{Secure: h.AuthenticData, Name: fold(q.Name.String()), TTL: s.ttl}
	for range maxAliases + 1 {
		next, alias := s.aliases[a.Name]
		if !alias {
			if a.Records = s.records[a.Name]; len(a.Records) == 0 {
				a.TTL = min(a.TTL, emptyTTL)
			} else {
				a.Told = s.told
			}
			return a, nil
		}
		a.Name = next
	}
	return Answer{}, fmt.Errorf("%w: its aliases have no end", ErrTooMuch)
}

// maxTTL is for how long an answer counts at most, and emptyTTL one without records.
const maxTTL, emptyTTL = 5 * time.Minute, time.Minute

// section is what an answer section has, by owner.
type section struct {
	q       dnsmessage.Question
	aliases map[string]string
	records map[string][]Record
	ttl     time.Duration
	told    time.Duration // ttl without a bound
}

// take reads the record that the parser is at.
func (s *section) take(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) error {
	owner := fold(h.Name.String())
	if h.Class != dnsmessage.ClassINET || h.Type != s.q.Type && h.Type != dnsmessage.TypeCNAME {
		return p.SkipAnswer() // signatures, and what aliases are made from
	}
	r, err := read(p, h.Type)
	if err != nil {
		return err
	}
	ttl := time.Duration(h.TTL) * time.Second
	s.ttl, s.told = min(s.ttl, ttl), min(s.told, ttl)
	if h.Type == s.q.Type {
		s.records[owner] = append(s.records[owner], r)
	} else {
		s.aliases[owner] = r.Name
	}
	return nil
}

// read reads the data of a record.
func read(p *dnsmessage.Parser, kind dnsmessage.Type) (r Record, err error) {
	switch kind {
	case dnsmessage.TypeA:
		a, err := p.AResource()
		return Record{Addr: a.A[:]}, err
	case dnsmessage.TypeAAAA:
		a, err := p.AAAAResource()
		return Record{Addr: a.AAAA[:]}, err
	case dnsmessage.TypeMX:
		m, err := p.MXResource()
		return Record{MX: MX{m.MX.String(), m.Pref}}, err
	case dnsmessage.TypeCNAME:
		c, err := p.CNAMEResource()
		return Record{Name: fold(c.CNAME.String())}, err
	case dnsmessage.TypeNS:
		n, err := p.NSResource()
		return Record{Name: fold(n.NS.String())}, err
	case dnsmessage.TypeTXT:
		t, err := p.TXTResource()
		return Record{Text: strings.Join(t.TXT, "")}, err
	}
	u, err := p.UnknownResource()
	return Record{Data: u.Data}, err
}

func same(a, b string) bool { return fold(a) == fold(b) }

// fold is a name in lower case, as the DNS compares them (RFC 4343), without final dot.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, strings.TrimSuffix(name, "."))
}
