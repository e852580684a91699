package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/passwords"
	"cairn/node/p2p"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/clock"
	"cairn/smtpgw/courier"
	"cairn/smtpgw/holder"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// The parts declare small interfaces for what they need of each other. Here
// they are met.

// sealable is the outbound queue as the recorder sees it.
type sealable struct {
	*outbox.Queue
	here func(address string) (bool, error) // whether mail for it goes to an account of this node
}

func (q sealable) Unsealed(after uint64, most int) ([]recorder.Entry, error) {
	list, err := q.Queue.Unsealed(after, most)
	return sealing(list), err
}

func (q sealable) Sealed(after uint64, most int) ([]recorder.Entry, error) {
	list, err := q.Queue.Sealed(after, most)
	entries := sealing(list)
	for i := range entries {
		e := &entries[i]
		e.Token, e.Local = list[i].Token, true
		for _, rcpt := range e.Recipients {
			here, hereErr := q.here(rcpt)
			e.Local, err = e.Local && here, errors.Join(err, hereErr)
		}
	}
	return entries, err
}

func sealing(list []outbox.Entry) []recorder.Entry {
	entries := make([]recorder.Entry, len(list))
	for i, e := range list {
		entries[i] = recorder.Entry{
			ID: e.ID, Recipients: e.Recipients, Blob: e.Blob,
			Wish: e.Wish, Sent: mailstore.Ref{Account: e.Account, Message: e.Message},
		}
	}
	return entries
}

func (q sealable) Raw(e recorder.Entry) ([]byte, error) {
	return q.Queue.Raw(outbox.Entry{ID: e.ID, Blob: e.Blob})
}

// checker is the verifier as the gateway sees it. Mail that our own courier
// delivers here comes from our own node.
type checker struct {
	verifier *verifier.Verifier
	self     consensus.Key
}

func (c checker) Check(ctx context.Context, a *arrival.Arrival) (arrival.Assessment, error) {
	courier, local := a.Peer.Node, a.Peer.Protocol == trace.ProtocolLocal
	if local {
		courier = &c.self
	}
	as, err := c.verifier.Check(ctx, verifier.Arrival{
		Raw: a.Raw, Sender: a.From, Recipients: a.Recipients, Courier: courier, Received: a.Received, Local: local, Unrecorded: a.Unrecorded,
	})
	if err != nil {
		return nil, err
	}
	return assessment{as}, nil
}

// assessment is what the verifier found out as the gateway sees it.
type assessment struct{ *verifier.Assessment }

func (as assessment) Found() screen.Finding { return screened(as.Assessment.Found()) }

func (as assessment) Admit(tx *mailstore.Tx, account mailstore.AccountID, rcpt string) (screen.Finding, bool, error) {
	f, again, err := as.Assessment.Admit(tx, account, rcpt)
	if err != nil || again {
		return screen.Finding{}, again, err
	}
	return screened(f), false, nil
}

// screened is a finding as far as its mail's place depends on it.
func screened(f *verifier.Finding) screen.Finding {
	return screen.FindingOf(f.Verdict, f.Reasons, f.Domains, &f.Facts)
}

// filer files stored mail anew when its verdict has changed.
type filer struct{ *smtpgw.Filing }

func (f filer) Refile(tx *mailstore.Tx, ref mailstore.Ref, was, now *verifier.Finding) error {
	return f.Filing.Refile(tx, ref, screened(was), screened(now))
}

// authorOf is the author's address of mail that arrived, for the history.
func authorOf(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) (string, error) {
	f, err := verifier.Of(rd, mailstore.Ref{Account: account, Message: id})
	if errors.Is(err, mailstore.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return f.From, nil
}

// listStanding is what the verifier knows of stored mail, as mailing lists go by it.
func listStanding(rd *mailstore.Reader, m mailstore.Message) (lists.Standing, error) {
	f, err := verifier.Of(rd, m.Ref())
	if errors.Is(err, mailstore.ErrNotFound) {
		return lists.Standing{}, nil
	}
	if err != nil {
		return lists.Standing{}, err
	}
	return lists.Standing{Verdict: f.Verdict, Author: f.Facts.FromDomainIsOrg && f.Facts.OrgTrusted}, nil
}

// router sends mail to the nodes of the organisation that is trusted for a
// domain, and to mail servers outside for domains of none.
type router struct{ *Node }

func (r router) Route(ctx context.Context, domain string) (client.Route, error) {
	return r.RouteFrom(ctx, "", domain, false)
}

// RouteFrom is courier.SenderRouter: who takes mail outside, and how, may depend on the sender.
func (r router) RouteFrom(ctx context.Context, from, domain string, anyTLS bool) (client.Route, error) {
	return r.routeBy(ctx, r.outside, from, domain, anyTLS)
}

// RouteReport is courier.ReportRouter.
func (r router) RouteReport(ctx context.Context, from, domain string) (client.Route, error) {
	return r.routeBy(ctx, r.outside.uncounted(), from, domain, true)
}

// routeBy is RouteFrom with what finds the servers of domains outside.
func (r router) routeBy(ctx context.Context, outwards *outsideRouter, from, domain string, anyTLS bool) (client.Route, error) {
	s := r.chain.State()
	if slices.Contains(r.ownAt(s).Domains, domain) {
		return client.Route{Local: true}, nil
	}
	org, a := r.trust.Speaker(ctx, s, domain)
	if _, pinned := r.trust.PinOf(domain); a == verifier.NamesNot && !pinned && len(s.OrgsByDomain(domain)) > 0 {
		org, a = r.trust.SpeakerNow(ctx, s, domain) // before mail is returned
	}
	goes, err := r.whereTo(s, domain, a)
	switch goes {
	case toMember:
		return r.routeTo(org, from, domain, anyTLS), nil
	case waits, returned:
		return client.Route{}, err
	}
	route, nobody := outwards.Route(ctx, from, domain, anyTLS)
	_, refused := errors.AsType[*refuse.Refusal](nobody)
	if errors.Is(nobody, client.ErrNoRoute) || refused && len(s.OrgsByDomain(domain)) > 0 {
		return client.Route{}, err // who claims it here says more
	}
	return route, nobody
}

// whereTo is where mail for a domain of others goes.
type whereTo uint8

const (
	toMember whereTo = iota // to the nodes of who is trusted for it
	waits
	outside // by ordinary SMTP
	returned
)

// whereTo says where mail for a domain of others goes by what was answered to who is trusted for
// it, and with that why nobody is.
func (r router) whereTo(s *consensus.State, domain string, a verifier.Answer) (whereTo, error) {
	if a == verifier.Names {
		return toMember, nil
	}
	why := r.noRoute(s, domain, a)
	switch {
	case !errors.Is(why, client.ErrNoRoute):
		return waits, why
	case r.outside == nil || !r.outside.takes(domain):
		return returned, why
	}
	return outside, why
}

// routeTo is the route to the nodes of org as they are now, which is trusted for domain: a session
// with one that has ended since is not used.
func (r router) routeTo(org *consensus.Org, from, domain string, anyTLS bool) client.Route {
	return client.Route{
		To:   fmt.Sprintf("%v as of block %d", org.ID, org.Changed),
		Dial: func(ctx context.Context, _ string) (net.Conn, error) { return r.dialOrg(ctx, org) },
		Peer: org.ID.String(),
		Had:  func(ctx context.Context, d record.Delivery) []record.Had { return r.askHad(ctx, org, d) },
		Outside: func(ctx context.Context, tried time.Duration) (client.Route, error) {
			return r.fallBack(ctx, org, from, domain, anyTLS, tried)
		},
	}
}

// noRoute says why no organisation is trusted for domain. Mail is returned only
// if nobody is for certain: not while the chain is behind, a trusted key waits
// for its enrolment, or the DNS does not answer.
func (r router) noRoute(s *consensus.State, domain string, a verifier.Answer) error {
	if r.viewIsOld(s) {
		return client.Reason(fmt.Sprintf("no node is known for %s, but the chain as seen here is old: waiting for peers", domain))
	}
	if p, ok := r.trust.PinOf(domain); ok {
		if org, enrolled := s.OrgByKey(p.Key); enrolled {
			return client.Reason(fmt.Sprintf("%s is trusted to be of key %.8s..., which %q has or had, who does not claim it", domain, p.Key, org.Name))
		}
		return client.Reason(fmt.Sprintf("%s is trusted to be of key %.8s..., which nobody on the chain has yet", domain, p.Key))
	}
	if a == verifier.NoAnswer {
		return client.Reason(dnsSilent(domain))
	}
	if claims := s.OrgsByDomain(domain); len(claims) > 0 {
		return fmt.Errorf("%w that is trusted here: %s", client.ErrNoRoute, claimsOn(domain, claims, r.blockTime))
	}
	return client.ErrNoRoute
}

// dnsSilent is why mail waits for a domain that somebody claims, and nobody has pinned.
func dnsSilent(domain string) string {
	return "the DNS of " + domain + " does not answer whom it trusts: waiting for it, or for the administrator to trust one who claims it"
}

// dialOrg opens an SMTP stream to the first node of org that answers, of those
// that have not ended.
func (n *Node) dialOrg(ctx context.Context, org *consensus.Org) (net.Conn, error) {
	if org.ActiveNodes() == 0 {
		return nil, client.Reason(fmt.Sprintf("all nodes of %q have ended: waiting for it to add one", org.Name))
	}
	var errs []error
	for _, node := range org.Nodes {
		if node.End != consensus.NodeActive {
			continue
		}
		c, err := n.host.DialSMTP(ctx, node.Node)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: %w", client.Reason(fmt.Sprintf("no node of %q answers", org.Name)), errors.Join(errs...))
}

// seedTrust takes over the pins that the node started with. Later decisions
// of the administrator stand.
func (n *Node) seedTrust(ctx context.Context) error {
	pins, err := n.startPins()
	if err != nil {
		return err
	}
	for _, p := range pins {
		pin := verifier.Pin{Domain: p.Domain, Key: p.Key, Source: verifier.Source(p.Source), Since: n.started}
		if err := n.trust.PinAtStart(ctx, pin); err != nil {
			return fmt.Errorf("take over the pin of %s: %w", p.Domain, err)
		}
	}
	return nil
}

// resolver is the machine's; tests have one of their own.
var resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
} = net.DefaultResolver

// lookupTXT asks the DNS, by the absolute name: what a resolver's search list makes of it is
// another domain's. Names that RFC 6761 keeps out of the DNS have no records.
func lookupTXT(ctx context.Context, name string) ([]string, error) {
	if isReserved(name) {
		return nil, nil
	}
	return resolver.LookupTXT(ctx, name+".")
}

// gatewayConfig is what the gateway needs of the node.
func (n *Node) gatewayConfig() smtpgw.Config {
	leaveOut, _ := smtpgw.ParseLeaveOut(n.cfg.Records.LeaveOut) // Validate looked
	derived, _ := smtpgw.ParseDerive(n.cfg.Records.Derive)
	suppress, _ := n.cfg.Outbound.suppress()
	relays, _ := n.cfg.Submission.relayNetworks()
	return smtpgw.Config{
		Hostname:   n.cfg.Hostname,
		Domains:    n.homeFirst,
		Postmaster: n.postmaster(),
		CatchAll:   n.cfg.Inbound.CatchAll,
		RelayFrom:  n.cfg.Submission.RelayFrom, RelayNetworks: relays,
		LeaveOut: leaveOut,
		Derive:   derived,
		NodeKey:  p2p.NodeKeyOf,
		Holders:  holder.Holders{Siblings: newSiblings(n), Beside: n.beside.route},
		Suppress: suppress,
		ToNode:   n.goesToNode,
		Unsure:   n.unsureOwn,
		Silent:   n.copies.silent,
		Enrolled: func(node consensus.Key) bool {
			_, ok := n.chain.State().ActiveNode(node)
			return ok
		},
		Log:   n.part("smtp"),
		Clock: clock.Clock{Now: n.now, Distrust: n.distrustClock}, Waits: n.sending.Waits,
		Limits: smtpgw.Limits{MessageBytes: n.cfg.MaxMessageSize(), TextBytes: n.memory.incoming.Max()}, Throttle: n.throttle,
		Texts: n.memory.incoming,
		TLS:   n.certificate.config(), Meter: n.metrics, Nowhere: n.nowhere, Passwords: n.passwords, Scram: scramModes[n.cfg.Submission.Scram], Unauthenticated: n.mayGoUnauthenticated,
	}
}

// courierConfig is what the courier needs of the node, beside what it shares with the servers.
func (n *Node) courierConfig(gw smtpgw.Config) courier.Config {
	return courier.Config{
		Hostname:   gw.Hostname,
		Directory:  gw.Directory(),
		Holders:    gw.Holders,
		Unrecorded: n.whyUnrecorded,
		Sign:       n.signDKIM,
		Carried:    n.memory.carried,
		Suppress:   gw.Suppress,
		Meter:      n.metrics,
		Sending:    n.sending,
		Clock:      gw.Clock,
	}
}

// mayGoUnauthenticated reports whether programs of this machine may send without a password. What
// cannot be read keeps them from it.
func (n *Node) mayGoUnauthenticated() bool {
	switch n.cfg.Submission.Unauthenticated {
	case unauthenticatedAlways:
		return true
	case unauthenticatedNever:
		return false
	}
	if n.cfg.LDAP.URL != "" { // all have one
		return false
	}
	some := true
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		some, err = passwords.Any(rd)
		return err
	})
	if err != nil {
		n.log.Error("whether accounts have passwords cannot be read", "err", err)
	}
	return err == nil && !some
}

// traceRoom is at least what a node adds to a message that it took: Received,
// Date, Message-ID and the record.
const traceRoom = 8 << 10

// inboundConfig lets in what a node with the same limit may send.
func inboundConfig(gw smtpgw.Config) smtpgw.Config {
	gw.Limits.MessageBytes += traceRoom
	gw.TLS = gw.TLS.Clone()
	gw.TLS.SessionTicketsDisabled = true // some large senders break off at Go's
	return gw
}
