package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/screen"
)

// Delivery stores mail for local accounts. It serves inbound sessions and the
// courier alike and may be called from many goroutines.
type Delivery struct {
	store    *mailstore.Store
	checker  Checker
	filing   *Filing
	sources  Sources
	hostname string
	dir      directory
	filter   Filter // nil: none
	now      func() time.Time
}

// NewDelivery returns a delivery into the accounts of store, where filing puts
// the mail.
func NewDelivery(cfg Config, store *mailstore.Store, checker Checker, filing *Filing, sources Sources) *Delivery {
	cfg = cfg.withDefaults()
	return &Delivery{
		store: store, checker: checker, filing: filing, sources: sources,
		hostname: cfg.Hostname, dir: newDirectory(cfg), filter: cfg.InboundFilter, now: cfg.Clock.Now,
	}
}

// Deliver checks an arrival and stores it for all its recipients in one
// transaction; nil means that it is durable. ref names the arrival in our
// Received field. Recipients that share an account share a copy.
//
// An *smtp.SMTPError says that the message cannot be taken as it is; any other
// error is our own trouble, and the message may be delivered again later.
func (d *Delivery) Deliver(ctx context.Context, a *Arrival, ref string) error {
	put, err := d.ready(ctx, a, ref)
	if err != nil {
		return err
	}
	if err := d.store.Update(ctx, put); err != nil {
		return fmt.Errorf("store an arrival: %w", err)
	}
	return nil
}

// ready is Deliver up to its transaction, which is to run what it returns.
func (d *Delivery) ready(ctx context.Context, a *Arrival, ref string) (put func(*mailstore.Tx) error, err error) {
	header, _ := splitHeader(a.Raw)
	if err := checkLoop(header); err != nil {
		return nil, err
	}
	rcpts, err := canonicalRecipients(a)
	if err != nil {
		return nil, err
	}
	a.Received = d.now().Truncate(time.Millisecond)
	found, err := d.checker.Check(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("check an arrival: %w", err)
	}
	gathered, err := d.gather(ctx, a)
	if err != nil {
		return nil, err
	}
	whole := found.Found()
	shown := append(whole.Evidence(), gathered...)
	stored, err := d.filtered(ctx, withTrace(a.Raw, d.trace(a, shown, ref), d.hostname), a, ref, whole.Verdict)
	if err != nil {
		return nil, err
	}
	return func(tx *mailstore.Tx) error {
		return d.put(tx, a, rcpts, &assessed{found, gathered}, stored)
	}, nil
}

// gather asks all sources about an arrival.
func (d *Delivery) gather(ctx context.Context, a *Arrival) (all screen.Evidence, err error) {
	for _, s := range d.sources.Arrival {
		results, err := s.Gather(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("gather evidence about an arrival: %w", err)
		}
		all = append(all, results...)
	}
	return all, nil
}

// canonicalRecipients brings a.Recipients into the form that Arrival promises,
// each once.
func canonicalRecipients(a *Arrival) ([]mailbox, error) {
	given := a.Recipients
	a.Recipients = nil
	var rcpts []mailbox
	for _, r := range given {
		m, err := parseMailbox(r, true)
		if err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(rcpts, func(k mailbox) bool { return k.key() == m.key() })
		if !known {
			a.Recipients = append(a.Recipients, m.String())
			rcpts = append(rcpts, m)
		}
	}
	return rcpts, nil
}

// assessed is an arrival with what is known about it before its transaction.
type assessed struct {
	Assessment
	gathered screen.Evidence // of the sources, about the arrival as a whole
}

// share is what one account gets of an arrival.
type share struct {
	account  mailstore.AccountID
	rcpts    []string // all of the account
	linked   []string // those whose copy is stored
	decision screen.Decision
	evidence screen.Evidence // beside the finding's own, of the first one that is stored
}

// put stores one copy for each account that the recipients lead to.
func (d *Delivery) put(tx *mailstore.Tx, a *Arrival, rcpts []mailbox, found *assessed, stored []byte) error {
	shares, err := d.shares(tx, a, rcpts, found)
	if err != nil {
		return err
	}
	for _, s := range shares {
		if len(s.linked) == 0 {
			continue
		}
		m := mailstore.Message{
			Account: s.account, Size: int64(len(stored)), Received: a.Received,
			From: a.From, Recipients: slices.Clone(s.rcpts),
		}
		if m.Blob, err = tx.PutBlob(stored); err != nil {
			return err
		}
		if m.ID, err = tx.AddMessage(m, append(s.decision.Labels, mailstore.LabelUnread)); err != nil {
			return err
		}
		if err := d.filing.Keep(tx, m.Account, m.ID, s.evidence); err != nil {
			return err
		}
		for _, rcpt := range s.linked {
			if err := found.Stored(tx, rcpt, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares decides about each recipient's copy. There is one reply for all
// recipients: a message is refused if it is for everyone, else those who would
// refuse it get it as what it is.
func (d *Delivery) shares(tx *mailstore.Tx, a *Arrival, rcpts []mailbox, found *assessed) ([]*share, error) {
	byAccount := make(map[mailstore.AccountID]*share)
	var order []*share
	refusal, refused := "", 0
	for i, rcpt := range a.Recipients {
		acct, err := d.dir.account(&tx.Reader, rcpts[i])
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil, d.dir.nobody(rcpts[i])
		}
		if err != nil {
			return nil, err
		}
		s := byAccount[acct.ID]
		if s == nil {
			s = &share{account: acct.ID}
			byAccount[acct.ID] = s
			order = append(order, s)
		}
		s.rcpts = append(s.rcpts, rcpt)
		f, again, err := found.Admit(tx, acct.ID, rcpt)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		evidence, err := d.about(&tx.Reader, acct.ID, f, found.gathered)
		if err != nil {
			return nil, err
		}
		decision := d.filing.decide(f, evidence)
		if decision.Refuse != "" {
			refusal = decision.Refuse
			refused++
		}
		if decision.Discard {
			continue
		}
		if len(s.linked) == 0 {
			s.decision, s.evidence = decision, evidence
		}
		s.linked = append(s.linked, rcpt)
	}
	if refusal != "" && refused == len(a.Recipients) {
		return nil, refusalReply(refusal)
	}
	return order, nil
}

// about is all evidence beside the finding's own about one account's copy.
func (d *Delivery) about(rd *mailstore.Reader, account mailstore.AccountID, f screen.Finding, gathered screen.Evidence) (screen.Evidence, error) {
	all := slices.Clone(gathered)
	for _, s := range d.sources.Account {
		results, err := s.About(rd, account, f)
		if err != nil {
			return nil, fmt.Errorf("gather evidence about a copy: %w", err)
		}
		all = append(all, results...)
	}
	return all, nil
}

// refusalReply is the reason of a refusal as the peer hears it, in printable ASCII.
func refusalReply(reason string) error {
	const longest = 300
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, reason)
	return replyf(550, 5, 7, 1, "%s", text[:min(len(text), longest)])
}

// trace returns what goes on top of an arrival: Return-Path and Received (RFC
// 5321, section 4.4), Authentication-Results (RFC 8601, section 4.1).
func (d *Delivery) trace(a *Arrival, shown screen.Evidence, ref string) []byte {
	from := ""
	if a.From != "" {
		from = pathOf(a.From)
	}
	b := fmt.Appendf(nil, "Return-Path: <%s>\r\n", from)
	b = append(b, authres.Field(d.hostname, shown)...)
	return append(b, receivedField(a.Peer, d.hostname, ref, a.Recipients, a.Received)...)
}
