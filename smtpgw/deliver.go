package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// Delivery stores mail for local accounts. It serves inbound sessions and the
// courier alike and may be called from many goroutines.
type Delivery struct {
	store    *mailstore.Store
	checker  arrival.Checker
	filing   *Filing
	sources  arrival.Sources
	hostname string
	dir      directory.Directory
	filter   Filter // nil: none
	meter    Meter
	unsure   *unsure
	reports  *outbox.Queue // of success; nil: there are none
	suppress time.Duration
	now      func() time.Time
	distrust func() bool
	log      *slog.Logger
	hears    func(Judged) // nil: nobody does

	forwarding *Forwarding // nil: nothing is sent on
}

// NewDelivery returns a delivery into the accounts of store, where filing puts
// the mail.
func NewDelivery(cfg Config, store *mailstore.Store, checker arrival.Checker, filing *Filing, sources arrival.Sources) *Delivery {
	cfg = cfg.withDefaults()
	return &Delivery{
		store: store, checker: checker, filing: filing, sources: sources,
		hostname: cfg.Hostname, dir: cfg.Directory(), filter: cfg.InboundFilter, meter: cfg.Meter,
		unsure: newUnsure(cfg.Clock.Now), suppress: cfg.Suppress, now: cfg.Clock.Now, distrust: cfg.Clock.Distrust, log: cfg.Log, hears: cfg.Judged,
	}
}

// Deliver checks an arrival and stores it for all its recipients in one
// transaction; nil means that it is durable. ref names the arrival in our
// Received field. Recipients that share an account share a copy.
//
// An *smtp.SMTPError says that the message cannot be taken as it is; any other
// error is our own trouble, and the message may be delivered again later.
func (d *Delivery) Deliver(ctx context.Context, a *arrival.Arrival, ref string) error {
	l, err := d.ready(ctx, a, ref)
	if err != nil {
		return err
	}
	if err := d.store.Update(ctx, l.Put); err != nil {
		return fmt.Errorf("store an arrival: %w", err)
	}
	l.Tell()
	if l.told {
		d.reports.WakeSealer()
	}
	return nil
}

// Ready is Deliver up to its transaction, which is to put what it returns.
func (d *Delivery) Ready(ctx context.Context, a *arrival.Arrival, ref string) (arrival.Landing, error) {
	l, err := d.ready(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// landing is an arrival that was judged and is to be stored by Put, and then told to the log.
type landing struct {
	d      *Delivery
	a      *arrival.Arrival
	ref    string
	rcpts  []address.Mailbox
	found  *assessed
	report *reported // nil: none
	stored []byte
	text   mailstore.Blob // of stored
	began  time.Time
	filed  []string // what became of each account's copy

	told bool // a report on success was queued

	inbox, aside bool // somebody has it there, or in spam or held

	counted int // recipients of whom the report says something new

	onward []byte   // what goes to where accounts have their mail sent on to; nil: nothing
	sentOn []string // to whom it does
	stays  []string // why it does not
	back   []string // senders elsewhere whom a report goes to
}

// ready is Deliver up to its transaction, which is to run Put of what it returns.
func (d *Delivery) ready(ctx context.Context, a *arrival.Arrival, ref string) (*landing, error) {
	began := time.Now()
	header, _ := rawheader.Split(a.Raw)
	if err := trace.CheckLoop(header); err != nil {
		return nil, err
	}
	rcpts, err := canonicalRecipients(a)
	if err != nil {
		return nil, err
	}
	a.Received = d.now().Truncate(time.Millisecond)
	came := *a
	var verdict record.Verdict
	rcpts, back, err := d.takeBack(a, rcpts)
	if err == nil && len(back) > 0 {
		verdict, err = d.mayGoBack(ctx, &came)
	}
	if err != nil {
		return nil, err
	}
	if len(rcpts) == 0 { // whom it is for finds out what it is
		stored, err := d.filtered(ctx, trace.Put(a.Raw, d.trace(a, nil, ref), d.hostname), &came, ref, verdict)
		if err != nil {
			return nil, err
		}
		return &landing{d: d, a: a, ref: ref, stored: stored, began: began, back: back}, nil
	}
	report, err := d.reportIn(a, rcpts)
	if err != nil {
		return nil, err
	}
	found, err := d.assess(ctx, a)
	if err != nil {
		return nil, err
	}
	whole := found.Found()
	shown := append(whole.Evidence(), found.gathered...)
	stored, err := d.filtered(ctx, trace.Put(a.Raw, d.trace(a, shown, ref), d.hostname), a, ref, whole.Verdict)
	if err != nil {
		return nil, err
	}
	onward, err := d.onward(ctx, rcpts, stored, shown)
	if err != nil {
		return nil, err
	}
	return &landing{
		d: d, a: a, ref: ref, rcpts: rcpts, found: found, report: report, stored: stored, text: mailstore.NewBlob(stored), began: began, onward: onward, back: back,
	}, nil
}

// gather asks all sources about an arrival.
func (d *Delivery) gather(ctx context.Context, a *arrival.Arrival) (all screen.Evidence, err error) {
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
func canonicalRecipients(a *arrival.Arrival) ([]address.Mailbox, error) {
	given := a.Recipients
	a.Recipients = nil
	var rcpts []address.Mailbox
	for _, r := range given {
		m, err := address.Parse(r, true)
		if err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(rcpts, func(k address.Mailbox) bool { return k.Key() == m.Key() })
		if !known {
			a.Recipients = append(a.Recipients, m.String())
			rcpts = append(rcpts, m)
		}
	}
	return rcpts, nil
}

// assessed is an arrival with what is known about it before its transaction.
type assessed struct {
	arrival.Assessment
	gathered screen.Evidence // of the sources, about the arrival as a whole
}

// assess has the verifier and the sources look at an arrival.
func (d *Delivery) assess(ctx context.Context, a *arrival.Arrival) (*assessed, error) {
	found, err := d.checker.Check(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("check an arrival: %w", err)
	}
	gathered, err := d.gather(ctx, a)
	if err != nil {
		return nil, err
	}
	return &assessed{found, gathered}, d.unsure.check(a, found.Found().Verdict, gathered)
}

// share is what one account gets of an arrival.
type share struct {
	account  mailstore.AccountID
	rcpts    []string // all of the account
	linked   []string // those whose copy is stored
	decision screen.Decision
	evidence screen.Evidence // beside the finding's own, of the first one that is stored

	discarded bool // what is not stored was dropped, not known before
}

// Put implements arrival.Landing: it stores one copy for each account that the recipients lead to.
func (l *landing) Put(tx *mailstore.Tx) error {
	l.filed, l.counted, l.told, l.sentOn, l.stays, l.inbox, l.aside = nil, 0, false, nil, nil, false, false // it may be run again
	if err := l.sendBack(tx); err != nil || len(l.rcpts) == 0 {
		return err
	}
	shares, err := l.d.shares(tx, l.a, l.rcpts, l.found)
	if err != nil {
		return err
	}
	for _, s := range shares {
		var id mailstore.MessageID
		if len(s.linked) > 0 {
			in := slices.Contains(s.decision.Labels, mailstore.LabelInbox)
			l.inbox, l.aside = l.inbox || in, l.aside || !in
			if id, err = l.store(tx, s); err != nil {
				return err
			}
			gone, err := l.sendOn(tx, s)
			if err != nil {
				return err
			}
			if gone {
				if err := errors.Join(tx.RemoveMessage(s.account, id), l.d.filing.Forget(tx, mailstore.Ref{Account: s.account, Message: id})); err != nil {
					return err
				}
			}
		}
		if err := l.note(tx, s, id); err != nil {
			return err
		}
	}
	if err := l.reportSuccess(tx, shares); err != nil {
		return err
	}
	return l.count(tx)
}

// store stores one account's copy.
func (l *landing) store(tx *mailstore.Tx, s *share) (mailstore.MessageID, error) {
	m := mailstore.Message{
		Account: s.account, Size: int64(len(l.stored)), Received: l.a.Received,
		From: l.a.From, Recipients: slices.Clone(s.rcpts),
	}
	var err error
	if m.Blob, err = tx.Put(l.text); err != nil {
		return 0, err
	}
	labels := append(slices.Clone(s.decision.Labels), mailstore.LabelUnread)
	if l.a.RequireTLS {
		list, err := lists.Is(&tx.Reader, s.account)
		if err != nil {
			return 0, err
		}
		if list {
			labels = append(labels, lists.LabelRequireTLS)
		}
	}
	if m.ID, err = tx.AddMessage(m, labels); err != nil {
		return 0, err
	}
	if err := l.d.filing.Keep(tx, m.Ref(), s.evidence); err != nil {
		return 0, err
	}
	for _, rcpt := range s.linked {
		if err := l.found.Stored(tx, rcpt, m); err != nil {
			return 0, err
		}
	}
	return m.ID, nil
}

// shares decides about each recipient's copy. There is one reply for all
// recipients: a message is refused if it is for everyone, else those who would
// refuse it get it as what it is.
func (d *Delivery) shares(tx *mailstore.Tx, a *arrival.Arrival, rcpts []address.Mailbox, found *assessed) ([]*share, error) {
	byAccount := make(map[mailstore.AccountID]*share)
	var order []*share
	refusal, refused := "", 0
	for i, rcpt := range a.Recipients {
		acct, err := d.dir.Recipient(&tx.Reader, rcpts[i])
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil, d.dir.Nobody(rcpts[i])
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
			s.discarded = true
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
		results, err := s.About(rd, account, f, gathered)
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
	return refuse.With(550, 5, 7, 1, "%s", text[:min(len(text), longest)])
}

// trace returns what goes on top of an arrival: Return-Path and Received (RFC
// 5321, section 4.4), Authentication-Results (RFC 8601, section 4.1).
func (d *Delivery) trace(a *arrival.Arrival, shown screen.Evidence, ref string) []byte {
	from := ""
	if a.From != "" {
		from = address.Path(a.From)
	}
	b := fmt.Appendf(nil, "Return-Path: <%s>\r\n", from)
	b = append(b, authres.Field(d.hostname, shown)...)
	return append(b, trace.Received(a.Peer, d.hostname, ref, a.Recipients, a.Received)...)
}
