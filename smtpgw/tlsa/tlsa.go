// Package tlsa finds what the DNS says, validated, of the keys of mail servers (RFC 7672, section
// 2).
package tlsa

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dane"
	"cairn/smtpgw/dnssec"
)

// Asker asks a resolver that validates. dnssec.Client is one.
type Asker interface {
	Ask(ctx context.Context, name string, kind dnsmessage.Type) (dnssec.Answer, error)
}

// Server is a mail server whose key the DNS names. Sessions with it are encrypted, or there are
// none.
type Server struct {
	// Base is the TLSA base domain, which is the name in the handshake (RFC 7672, section 8.1).
	Base    string
	Records []dane.Record
	// Names are what its certificate may be for, where the records name an authority.
	Names []string
}

// Authenticated reports whether the server has to show who it is; else encryption is all.
func (s *Server) Authenticated() bool { return dane.Authenticates(s.Records) }

// Verify judges what the server shows.
func (s *Server) Verify(state *tls.ConnectionState, now time.Time) error {
	return dane.Verify(s.Records, state.PeerCertificates, s.Names, now)
}

// keptMost is how many servers are known at a time.
const keptMost = 4096

// Finder finds servers' records, and keeps them for as long as they count. Its methods may be
// called from many goroutines.
type Finder struct {
	dns Asker

	mu    sync.Mutex
	known map[[2]string]known
}

type known struct {
	server *Server
	until  time.Time
}

// NewFinder returns a Finder that asks dns.
func NewFinder(dns Asker) *Finder { return &Finder{dns: dns, known: make(map[[2]string]known)} }

// Of returns what the DNS says of the key of host, to which mail for domain is to go by its MX
// records or because it has none; both in lower case without final dot. nil: it says nothing that
// counts. An error says that this is not known, and the server must not get the mail now: who can
// keep the answer away would else keep encryption away.
func (f *Finder) Of(ctx context.Context, domain, host string, now time.Time) (*Server, error) {
	key := [2]string{domain, host}
	f.mu.Lock()
	k, ok := f.known[key]
	f.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.server, nil
	}
	q := question{ctx: ctx, dns: f.dns, ttl: time.Hour}
	server, err := q.server(domain, host)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= keptMost {
		clear(f.known)
	}
	f.known[key] = known{server, now.Add(q.ttl)}
	return server, nil
}

// question asks for all about one server.
type question struct {
	ctx context.Context
	dns Asker
	ttl time.Duration // of all answers together
}

func (q *question) ask(name string, kind dnsmessage.Type) (dnssec.Answer, error) {
	a, err := q.dns.Ask(q.ctx, name+".", kind)
	if err == nil {
		q.ttl = min(q.ttl, a.TTL)
	}
	return a, err
}

func (q *question) server(domain, host string) (*Server, error) {
	mx, err := q.ask(domain, dnsmessage.TypeMX)
	switch {
	case err != nil:
		return nil, err
	case !mx.Secure: // whoever forges it names a host of his own (section 2.2.1)
		return nil, nil
	case len(mx.Records) == 0 && host != domain || len(mx.Records) > 0 && !names(mx.Records, host):
		return nil, fmt.Errorf("%s is no mail exchanger of %s any more", host, domain)
	}
	bases, err := q.bases(host)
	if err != nil {
		return nil, err
	}
	for _, base := range bases {
		a, err := q.ask("_25._tcp."+base, dnssec.TypeTLSA)
		if err != nil {
			return nil, err
		}
		if !a.Secure || len(a.Records) == 0 {
			continue
		}
		records, err := Records(&a)
		if err != nil {
			return nil, fmt.Errorf("_25._tcp.%s: %w", base, err)
		}
		s := &Server{Base: base, Records: records}
		for _, name := range []string{base, host, domain, mx.Name} {
			if !slices.Contains(s.Names, name) {
				s.Names = append(s.Names, name)
			}
		}
		return s, nil
	}
	return nil, nil
}

func names(records []dnssec.Record, host string) bool {
	return slices.ContainsFunc(records, func(r dnssec.Record) bool {
		return strings.EqualFold(strings.TrimSuffix(r.MX.Host, "."), host)
	})
}

// bases are the names that TLSA records of a host may stand under, the one that counts first (RFC
// 7672, section 2.2.2): where its aliases lead, if all of that is secure, then its own. None: its
// zone is not signed, and is not asked any further, since servers of such zones may answer nothing
// (section 2.1.3).
func (q *question) bases(host string) ([]string, error) {
	secure, insecure := dnssec.Answer{}, dnssec.Answer{}
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		a, err := q.ask(host, kind)
		switch {
		case err != nil:
			return nil, err
		case a.Secure && (secure.Name == "" || len(a.Records) > 0):
			secure = a
		case !a.Secure:
			insecure = a
		}
	}
	switch {
	case secure.Name != "" && secure.Name != host:
		return []string{secure.Name, host}, nil
	case secure.Name != "":
		return []string{host}, nil
	case insecure.Name == host:
		return nil, nil
	}
	alias, err := q.ask(host, dnsmessage.TypeCNAME) // the alias itself may be signed
	if err != nil || !alias.Secure {
		return nil, err
	}
	return []string{host}, nil
}

// Records reads the TLSA records of an answer, in one order whatever the one that they came in.
// Errors say that they are too many, or cannot be read.
func Records(a *dnssec.Answer) (list []dane.Record, err error) {
	if len(a.Records) > dane.MaxRecords {
		return nil, dnssec.ErrTooMuch
	}
	for _, r := range a.Records {
		one, err := dane.Parse(r.Data)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b dane.Record) int { return strings.Compare(a.String(), b.String()) })
	return list, nil
}
