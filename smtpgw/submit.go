package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/gate"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// Submitter takes mail of this organisation's own users and queues it. The
// submission server and other local ways in share it. It may be called from
// many goroutines.
type Submitter struct {
	store  *mailstore.Store
	queue  *outbox.Queue
	cfg    Config
	limits Limits
	dir    directory.Directory
	relay  relay
	now    func() time.Time
	gate   gate.Gate
}

// NewSubmitter returns a submitter for the accounts of store.
func NewSubmitter(cfg Config, store *mailstore.Store, queue *outbox.Queue) *Submitter {
	cfg = cfg.withDefaults()
	return &Submitter{
		store: store, queue: queue, cfg: cfg, limits: cfg.Limits.withDefaults(),
		dir: cfg.Directory(), relay: newRelay(cfg.RelayFrom), now: cfg.Clock.Now,
	}
}

// Receipt tells what became of a submission.
type Receipt struct {
	Ref     string // as in the 250 and in Received
	Account mailstore.AccountID
	Message mailstore.MessageID // the sent copy
	Raw     []byte              // the sent copy's bytes
}

// Submit takes a message as a session of the submission server would, with the
// same checks: from is an address of an account or one that Config.RelayFrom
// allows, or empty for the postmaster's null sender; so is From (see
// checkAuthors). A *Refusal is one with its reason; any other
// error is our own trouble, of which the log is told by the caller, unless the disk is full.
func (s *Submitter) Submit(ctx context.Context, peer trace.Peer, from string, rcpts []string, raw []byte) (Receipt, error) {
	return s.SubmitWith(ctx, peer, from, rcpts, raw, nil)
}

// SubmitWith is Submit with what else its transaction is to do: both happen or neither. also may be
// run again.
func (s *Submitter) SubmitWith(ctx context.Context, peer trace.Peer, from string, rcpts []string, raw []byte, also func(*mailstore.Tx) error) (Receipt, error) {
	return s.submitLogged(ctx, peer, from, rcpts, false, outbox.DSN{}, false, raw, also)
}

// SubmitRequiringTLS is Submit of mail that goes on only as RFC 8689 says of REQUIRETLS.
func (s *Submitter) SubmitRequiringTLS(ctx context.Context, peer trace.Peer, from string, rcpts []string, raw []byte) (Receipt, error) {
	return s.submitLogged(ctx, peer, from, rcpts, false, outbox.DSN{}, true, raw, nil)
}

// submitLogged is submitAll, and tells the log of a refusal. unasked is whether recipients at
// domains of others are left to the queue, which finds out to whom mail cannot go.
func (s *Submitter) submitLogged(ctx context.Context, peer trace.Peer, from string, rcpts []string, unasked bool, dsn outbox.DSN, requireTLS bool, raw []byte, also func(*mailstore.Tx) error) (Receipt, error) {
	r, err := s.submitAll(ctx, peer, from, rcpts, unasked, dsn, requireTLS, raw, also)
	if _, refused := errors.AsType[*refuse.Refusal](err); refused || errors.Is(err, mailstore.ErrDiskFull) {
		log := s.cfg.Log.With("peer", peer.Addr)
		logRefusal(log, "", "message", from, maillog.To(rcpts), s.gate.Refusal(log, "message", "", err))
	}
	return r, err
}

func (s *Submitter) submitAll(ctx context.Context, peer trace.Peer, from string, rcpts []string, unasked bool, dsn outbox.DSN, requireTLS bool, raw []byte, also func(*mailstore.Tx) error) (Receipt, error) {
	if int64(len(raw)) > s.limits.MessageBytes {
		return Receipt{}, messageTooLarge(s.limits.MessageBytes)
	}
	if err := checkText(raw, &s.limits); err != nil {
		return Receipt{}, err
	}
	who, err := s.sender(from, user{}, true)
	if err != nil {
		return Receipt{}, err
	}
	if len(rcpts) == 0 {
		return Receipt{}, refuse.With(554, 5, 5, 1, "message has no recipients")
	}
	if len(rcpts) > s.limits.Recipients {
		return Receipt{}, refuse.With(452, 4, 5, 3, "more than %d recipients; send to the others separately", s.limits.Recipients)
	}
	var to []string
	a := asking{unasked: unasked}
	for _, r := range rcpts {
		m, err := s.recipient(ctx, who, &a, r, true)
		if err != nil {
			return Receipt{}, err
		}
		to = address.Add(to, m)
	}
	return s.submit(ctx, trace.NewRef(), peer, who, to, dsn, requireTLS, raw, also)
}

// poster is who submits a message.
type poster struct {
	account mailstore.AccountID
	from    string // the envelope sender; "": the null one
	signed  bool   // in: who is writes as the account alone
	relayed bool   // by a network of ours: as anybody of our domains
}

// user is who submits: an account that has signed in, or a network that relays without that; or
// neither.
type user struct {
	account *mailstore.Account
	relays  bool
}

// user is whom a wire is known to be of. Who has signed in is that account, wherever it is.
func (w *wire) user() user {
	return user{account: w.secrecy.user, relays: w.relays && w.secrecy.user == nil}
}

// sender looks up who sends as from. What is sent as an address of no account, where that is
// allowed, belongs to the postmaster.
func (s *Submitter) sender(from string, by user, utf8 bool) (poster, error) {
	who := poster{signed: by.account != nil, relayed: by.relays}
	var m *address.Mailbox
	if from != "" {
		parsed, err := address.Parse(from, utf8)
		if err != nil {
			return poster{}, err
		}
		m, who.from = &parsed, parsed.String()
	}
	err := s.store.View(func(r *mailstore.Reader) error {
		a, err := senderOf(s.dir, r, m, by, s.relay)
		who.account = a.ID
		return err
	})
	return who, err
}

// Here reports whether mail for an address goes to an account of this node, as its courier would
// deliver it.
func (s *Submitter) Here(r *mailstore.Reader, address string) (bool, error) {
	return s.dir.Has(r, address)
}

// recipient checks one recipient of mail that somebody submits. Those of our own domains must
// exist, and others not be suppressed.
func (s *Submitter) recipient(ctx context.Context, who poster, a *asking, to string, utf8 bool) (address.Mailbox, error) {
	m, err := address.Parse(to, utf8)
	if err != nil {
		return m, err
	}
	if !s.dir.IsLocal(m.Domain) {
		if a.unasked {
			return m, nil
		}
		if err := s.notSuppressed(who, m); err != nil {
			return m, err
		}
		return m, s.nowhere(ctx, a, m.Domain)
	}
	_, err = s.cfg.Holders.Of(ctx, s.store, s.dir, m, nil)
	return m, err
}

// submit queues a message whose text and envelope were checked, as ref.
func (s *Submitter) submit(ctx context.Context, ref string, peer trace.Peer, who poster, rcpts []string, dsn outbox.DSN, requireTLS bool, raw []byte, also func(*mailstore.Tx) error) (Receipt, error) {
	began := time.Now()
	d, err := draft.Read(raw)
	if err != nil {
		return Receipt{}, err
	}
	wish, err := parseWish(d.Wish, s.cfg.usual())
	if err != nil {
		return Receipt{}, err
	}
	until, err := parseHold(d.Hold)
	if err != nil {
		return Receipt{}, err
	}
	sender, err := s.checkAuthors(d, who)
	if err != nil {
		return Receipt{}, err
	}
	now := s.now()
	if requireTLS {
		dsn = withoutText(dsn)
	}
	env := outbox.Envelope{Ref: ref, From: who.from, Account: who.account, Recipients: rcpts, Wish: wish, DSN: dsn, RequireTLS: requireTLS, UntilIncluded: until}
	with := draft.Stamp{
		Received: trace.Received(peer, s.cfg.Hostname, ref, nil, now), Sender: sender,
		Hostname: s.cfg.Hostname, Ref: ref, Now: now, Limit: s.limits.MessageBytes, SevenBit: s.leavesNodes(rcpts),
	}
	msg := d.Finish(with)
	if err := draft.CanArrive(msg); err != nil {
		return Receipt{}, err
	}
	msg, err = s.filtered(ctx, msg, who, env, peer, with)
	if err != nil {
		return Receipt{}, err
	}
	id, err := s.queue.SubmitWith(ctx, env, msg, also)
	if err != nil {
		return Receipt{}, fmt.Errorf("submit: %w", err)
	}
	r := Receipt{Ref: ref, Account: who.account, Message: id, Raw: msg}
	s.submitted(r, peer, who.from, rcpts, began)
	return r, nil
}

// leavesNodes reports whether mail for one of these recipients may go to a server that is no node,
// as far as that is known now. What such a server takes is known when it is spoken to, and the mail
// is recorded by then.
func (s *Submitter) leavesNodes(rcpts []string) bool {
	if s.cfg.ToNode == nil {
		return false
	}
	for _, r := range rcpts {
		if domain := maildomain.OfAddress(r); !s.dir.IsLocal(domain) && !s.cfg.ToNode(domain) {
			return true
		}
	}
	return false
}
