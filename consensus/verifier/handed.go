package verifier

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// Forwarders tells who sends mail on to an account in its own word. It is asked
// within transactions and reads the store that they are of.
type Forwarders func(rd *mailstore.Reader, account mailstore.AccountID) ([]record.Forwarder, error)

// handed says how a message came to an account that knows all who sent it on.
type handed struct {
	by       []record.Forwarder // the latest first
	original record.Hop         // what the author sent to the first of them
}

// forwarders reads whom an account has named to send mail on to it.
func (v *Verifier) forwarders(rd *mailstore.Reader, account mailstore.AccountID) ([]record.Forwarder, error) {
	if v.cfg().Forwarders == nil {
		return nil, nil
	}
	return v.cfg().Forwarders(rd, account)
}

// handedBy finds out whether the hops of an arrival, as record.Custody returns
// them without an error, lead from the original to an account by way of
// forwarders that it knows, each of which recorded what it sent on. s is the
// chain's state; ask says who is trusted for a domain, within a transaction by
// what is in memory alone.
//
// Whether the original has come to the account before, whether its recorder
// speaks for the author, and what the forwarders changed are not its to say.
func handedBy(s *consensus.State, ask asker, hops []record.Hop, known []record.Forwarder) (h handed, ok bool) {
	speaks := func(recorder consensus.Key, domain string) bool {
		org, enrolled := sealer(s, recorder)
		if !enrolled || !claims(org, []string{domain}) {
			return false
		}
		_, a := ask(domain, org)
		return a == Names
	}
	if h.by, ok = record.KnownForwarders(hops, known, speaks); ok {
		h.original = hops[len(hops)-1]
	}
	return h, ok
}

// way is what an arrival came by: its records, which hold together, and what was found out
// about the original for each of its recipients' known forwarders.
type way struct {
	hops  []record.Hop        // the latest first, the original last
	below *message.Dissection // the original; nil until it is asked for
	asked asker               // who is trusted for a domain, as far as it was asked ahead
	found map[record.Forwarder]*Finding
	whole *Finding // of all recipients, if it came to each by the same way
	// strange is about the original of a message that somebody sent on whom no recipient named; nil
	// if its record is not of the author's organisation.
	strange *Finding
	origin  *record.Token // what strange is about
}

// meant reports whether who sent an arrival on recorded it for rcpt: a copy that somebody else got
// is no more sent on to rcpt than any other copy.
func (w *way) meant(rcpt string) bool { return w.hops[0].Token.HasRecipient(rcpt) }

// wayOf looks ahead of the delivery transaction at how an arrival came to its
// recipients; nil if nobody sent it on whose record holds for what arrived, or if
// that is trusted to be the author's own organisation, which answers for what it
// sends.
// What it compares and asks of the DNS has no place in a transaction.
func (v *Verifier) wayOf(ctx context.Context, as *Assessment) (*way, error) {
	if len(as.tokens) < 2 || as.token == nil || as.top.Facts.FromDomainIsOrg && as.top.Facts.OrgTrusted || !as.top.Facts.TokenValid || !as.top.Facts.Comparison.Intact() {
		return nil, nil
	}
	hops, err := record.Custody(as.tokens)
	if err != nil {
		return nil, nil // a fault of whoever sent it on, none of ours
	}
	w := &way{hops: hops, asked: v.trust.asker(ctx, as.state), found: map[record.Forwarder]*Finding{}}
	known, err := v.named(w, as.arrival.Recipients)
	if err != nil {
		return nil, err
	}
	same := true
	for i := range as.arrival.Recipients {
		h, ok := handedBy(as.state, w.asked, hops, known[i])
		if !ok {
			same = false
			continue
		}
		if w.found[h.by[0]] == nil {
			f, err := v.original(as, w, h)
			if err != nil {
				return nil, err
			}
			if org, enrolled := f.recordingOrg(as.state); enrolled {
				f.recordedBy(org, v.wordOf(ctx, as.state, f, org), v.cfg())
			}
			w.found[h.by[0]] = f
		}
		same = same && (i == 0 || w.whole == w.found[h.by[0]])
		w.whole = w.found[h.by[0]]
	}
	if !same {
		w.whole = nil
	}
	if w.strange, w.origin, err = v.strange(ctx, as, w); err != nil {
		return nil, err
	}
	meant := !slices.ContainsFunc(as.arrival.Recipients, func(rcpt string) bool { return !w.meant(rcpt) })
	if len(w.found) == 0 && w.strange != nil && meant {
		whole := *w.strange
		for _, rcpt := range as.arrival.Recipients {
			if whole.Facts.RecipientInRecord {
				whole.addressedBy(v.cfg().Own.at(as.state), as.header, rcpt, w.origin)
			}
		}
		w.whole = &whole
	}
	return w, ctx.Err()
}

// named reads for each of an arrival's recipients whom its account has named to
// send mail on to it: nobody where w is not meant for it.
func (v *Verifier) named(w *way, recipients []string) ([][]record.Forwarder, error) {
	known := make([][]record.Forwarder, len(recipients))
	return known, v.store.View(func(rd *mailstore.Reader) error {
		for i, rcpt := range recipients {
			if !w.meant(rcpt) {
				continue
			}
			account, err := rd.AccountFor(rcpt)
			if errors.Is(err, mailstore.ErrNotFound) {
				continue // the gateway's word counts, in the transaction
			}
			if err != nil {
				return err
			}
			if known[i], err = v.forwarders(rd, account.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// sentOn returns what is known of the original of an arrival that known
// forwarders sent on to account; nil if none did. It runs within a transaction.
func (w *way) sentOn(as *Assessment, rd *mailstore.Reader, account mailstore.AccountID, rcpt string) (*Finding, error) {
	if !w.meant(rcpt) {
		return nil, nil
	}
	v, state := as.v, as.v.chain.State()
	known, err := v.forwarders(rd, account)
	if err != nil {
		return nil, err
	}
	h, ok := handedBy(state, v.trust.memoryAsker(state), w.hops, known)
	if !ok {
		if w.strange == nil {
			return nil, nil
		}
		copied := *w.strange
		copied.addressedBy(v.cfg().Own.at(as.state), as.header, rcpt, w.origin)
		return &copied, nil
	}
	f := w.found[h.by[0]]
	if f == nil {
		if f, err = v.original(as, w, h); err != nil {
			return nil, err
		}
		w.found[h.by[0]] = f
	}
	copied := *f
	way := *f.Onward
	way.Direct = h.original.Token.HasRecipient(rcpt)
	copied.Onward = &way
	return &copied, nil
}

// strange is the finding about what the author sent, of a message that was sent on by somebody who
// is known to nobody here, and recorded what it sent on. What the author's own organisation
// recorded counts for more than that; nil if the original record is not of that organisation, or if
// whoever sent it on claims to be that. Whether that record is for a recipient is for addressedBy
// to say.
func (v *Verifier) strange(ctx context.Context, as *Assessment, w *way) (*Finding, *record.Token, error) {
	if as.top.Facts.FromDomainIsOrg {
		return nil, nil, nil
	}
	token := w.hops[len(w.hops)-1].Token
	f := new(Finding)
	if err := v.find(f, hash(token), as.state); err != nil {
		return nil, nil, err
	}
	org, enrolled := f.recordingOrg(as.state)
	if !enrolled || !claims(org, as.header.Domains) {
		return nil, nil, nil
	}
	f, err := v.about(as, w, token, v.cfg().Context)
	if err != nil {
		return nil, nil, err
	}
	f.Facts.Stranger = true
	f.Facts.HandedClaims = as.top.Facts.RecorderDomain
	if by, ok := sealer(as.state, w.hops[0].Token.Recorder); ok {
		claimed := w.writtenTo(as, 0, func(domain string) bool { return claims(by, []string{domain}) })
		f.Facts.HandedClaims = cmp.Or(claimed, f.Facts.HandedClaims)
		if f.Onward = w.strangers(as, by); f.Onward != nil {
			f.sentOnAs(f.Onward.ask(as.state, w.asked, ""))
		}
	}
	f.recordedBy(org, v.wordOf(ctx, as.state, f, org), v.cfg())
	return f, token, nil
}

// strangers says as which domains an arrival was sent on, by by at last and others before it: each
// as that of an address, in To or Cc, that the record below its own is for; one that it is trusted
// for before one that it only claims. nil if by claims none.
func (w *way) strangers(as *Assessment, by *consensus.Org) *onward {
	o := &onward{Strangers: true}
	for i, hop := range w.hops[:len(w.hops)-1] {
		domain := ""
		org, ok := sealer(as.state, hop.Token.Recorder)
		if ok {
			domain = cmp.Or(w.writtenTo(as, i, w.trustedFor(org)), w.writtenTo(as, i, func(domain string) bool { return claims(org, []string{domain}) }))
		}
		if domain == "" && len(by.Domains) == 0 {
			return nil
		}
		if domain == "" {
			if len(o.By) == 0 {
				o.By = []handler{{Domain: by.Domains[max(0, slices.IndexFunc(by.Domains, w.trustedFor(by)))], Org: by.ID}}
			}
			o.By, o.Unwritten = o.By[:1], true
			return o
		}
		o.By = append(o.By, handler{Domain: domain, Org: org.ID})
	}
	return o
}

// trustedFor tells for which domains an organisation is trusted that it claims.
func (w *way) trustedFor(org *consensus.Org) func(domain string) bool {
	return func(domain string) bool {
		if !claims(org, []string{domain}) {
			return false
		}
		_, a := w.asked(domain, org)
		return a == Names
	}
}

// writtenTo returns the domain of the first address in To or Cc that the record below a hop is for,
// and whose domain is one of those asked for; empty if there is none.
func (w *way) writtenTo(as *Assessment, hop int, of func(domain string) bool) string {
	for _, addr := range as.header.To[:min(len(as.header.To), message.MaxRecipients)] {
		if domain := message.Domain(addr); of(domain) && w.hops[hop+1].Token.HasRecipient(addr) {
			return domain
		}
	}
	return ""
}

// addressedBy narrows what was found about an original that a stranger sent on to rcpt's copy.
func (f *Finding) addressedBy(own Own, h *record.Header, rcpt string, original *record.Token) {
	f.addressedTo(rcpt, original)
	if !f.Facts.RecipientInRecord {
		f.Facts.RecordedFor = own.others(original.Named(h.To))
	}
}

// about is the finding about the lowest record of a message.
func (v *Verifier) about(as *Assessment, w *way, token *record.Token, with record.Context) (*Finding, error) {
	if w.below == nil {
		w.below = record.Original(as.raw, w.hops)
	}
	f := new(Finding)
	compared := record.Compare(token, w.below, with)
	f.From, f.Domains = as.header.AuthorIn(w.below, compared, token)
	f.Facts.SetFrom(f.From)
	f.Facts.SetThreshold(v.cfg().Threshold, 0)
	f.Facts.TokenPresent = true
	if err := v.find(f, hash(token), as.state); err != nil {
		return nil, err
	}
	f.Facts.SetRecord(token, compared)
	f.Facts.ArrivalTime, f.Facts.ClockWrong = as.top.Facts.ArrivalTime, as.top.Facts.ClockWrong
	f.Facts.SentOnTime = w.hops[0].Token.Record.Time
	f.Facts.OwnDomain = as.ownDomain(f)
	f.recordedBy(nil, word{}, v.cfg())
	return f, nil
}
