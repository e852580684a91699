package lists

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/trace"
)

const (
	// journalStep is how many changes of the journal are looked at together.
	journalStep = 1024
	// saveEvery is how far the stored cursor may lag when nothing was posted.
	saveEvery = 10_000
)

// Distributor sends what is posted to the lists that this node hosts on to
// their members. It follows the mail store's journal: what was accepted for a
// list is in the list's account, with its verdict, before the 250. A post is
// taken over in one transaction with the cursor; its members are queued for in
// further ones, each of which notes how far it came.
type Distributor struct {
	store    *mailstore.Store
	queue    *outbox.Queue
	hostname string
	standing func(*mailstore.Reader, mailstore.Message) (Standing, error)
	log      *slog.Logger
	now      func() time.Time
	marks    Marks

	cursor  mailstore.ModSeq // seen; the stored one may be behind it, by changes that are nobody's post
	pending bool             // a distribution may be under way
}

// NewDistributor returns a distributor for the lists in store, on the node of that name. now is
// what times are taken from; nil: the machine's clock. standing tells what the record of a stored
// message says about it; of mail that has none, and of mail without a verdict, nothing and no
// error.
func NewDistributor(hostname string, now func() time.Time, store *mailstore.Store, queue *outbox.Queue, standing func(*mailstore.Reader, mailstore.Message) (Standing, error), log *slog.Logger) *Distributor {
	if now == nil {
		now = time.Now
	}
	return &Distributor{store: store, queue: queue, hostname: hostname, standing: standing, log: log, now: now, pending: true}
}

// SetMarks has a distributor put these on what it sends on, before it is used.
func (d *Distributor) SetMarks(m Marks) { d.marks = m }

// Run distributes until ctx is done. A fault of the store is logged and tried
// again.
func (d *Distributor) Run(ctx context.Context) error {
	wake, cancel := d.store.Subscribe()
	defer cancel()
	mailstore.Follow(ctx, wake, d.Follow, func(err error) {
		d.log.Error("lists: sending on what was posted failed, trying again", "err", err)
	})
	return nil
}

// Follow sends on what was posted up to now.
func (d *Distributor) Follow(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.finish(ctx); err != nil {
			return err
		}
		next, more, err := d.look(ctx)
		if err != nil || !more {
			return err
		}
		if next != nil {
			if err := d.take(ctx, *next); err != nil {
				return fmt.Errorf("message %d of list account %d: %w", next.Message, next.Account, err)
			}
		}
	}
	return ctx.Err()
}

// Seen returns how far the distributor would go back in the mail store's journal after a restart:
// no further than its end where there are no lists.
func (d *Distributor) Seen(rd *mailstore.Reader) (mailstore.ModSeq, error) {
	at, lists, err := rd.Space(space).Number(journalKey)
	if err != nil || lists {
		return mailstore.ModSeq(at), err
	}
	return rd.ModSeq()
}

// look goes on in the journal to the next change that may be a post.
func (d *Distributor) look(ctx context.Context) (next *mailstore.Change, more bool, err error) {
	var stored mailstore.ModSeq
	err = d.store.View(func(rd *mailstore.Reader) (err error) {
		sp := rd.Space(space)
		if stored, err = d.Seen(rd); err != nil {
			return err
		}
		d.cursor = max(d.cursor, stored)
		changes, err := rd.ChangesSince(d.cursor, journalStep)
		more = len(changes) > 0
		for _, c := range changes {
			if posted, err := isPost(sp, c); err != nil {
				return err
			} else if posted {
				next = &c
				return nil
			}
			d.cursor = c.ModSeq
		}
		return err
	})
	if err == nil && !more && d.cursor-stored >= saveEvery {
		at := d.cursor
		err = d.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(space).PutNumber(journalKey, uint64(at)) })
	}
	return next, more, err
}

// isPost reports whether a change may be a post that is new or was approved.
func isPost(sp mailstore.SpaceReader, c mailstore.Change) (bool, error) {
	switch {
	case c.Kind == mailstore.ChangeAdded && !slices.Contains(c.Labels, mailstore.LabelSent):
	case c.Kind == mailstore.ChangeLabels && slices.Contains(c.Labels, LabelApproved):
	default:
		return false, nil
	}
	return sp.Has(keyOf('l', c.Account))
}

// take decides about what may be a post and notes the outcome with the cursor.
func (d *Distributor) take(ctx context.Context, c mailstore.Change) error {
	now := d.now().Truncate(time.Millisecond)
	put := func(*mailstore.Tx) error { return nil }
	var out *outgoing
	err := d.store.View(func(rd *mailstore.Reader) error {
		m, err := rd.Message(c.Account, c.Message)
		if errors.Is(err, mailstore.ErrNotFound) || err == nil && m.Outgoing {
			return nil // removed meanwhile, or our own
		}
		if errors.Is(err, mailstore.ErrDamaged) { // nobody knows who sent it
			d.log.Error("distributor: what is noted of a post is damaged, it is not sent on", "message", c.Message, "account", c.Account, "err", err)
			return nil
		}
		if err != nil {
			return err
		}
		l, err := Of(rd, c.Account)
		if errors.Is(err, ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		put, out, err = d.decide(rd, &l, m, now)
		if errors.Is(err, mailstore.ErrDamaged) { // it holds up no other posts; who approves it has it looked at again
			d.log.Error("distributor: a post is damaged and not sent on", "list", l.Address, "message", m.ID, "err", err)
			put, err = func(tx *mailstore.Tx) error {
				return tx.SetLabels(m.Account, m.ID, []string{LabelHeld}, []string{LabelApproved})
			}, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if out != nil {
		d.mark(ctx, out) // apart from the store, since it asks the DNS
	}
	d.pending = true
	err = d.store.Update(ctx, func(tx *mailstore.Tx) error {
		if err := put(tx); err != nil && !errors.Is(err, mailstore.ErrNotFound) { // removed meanwhile
			return err
		}
		return tx.Space(space).PutNumber(journalKey, uint64(c.ModSeq))
	})
	if err == nil {
		d.cursor = c.ModSeq
	}
	return err
}

// WhyHeld says why a list holds a message back now, empty if it does not.
func (d *Distributor) WhyHeld(rd *mailstore.Reader, m mailstore.Message) (string, error) {
	l, err := Of(rd, m.Account)
	if errors.Is(err, ErrNone) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	p, err := d.post(rd, &l, m, d.now())
	if err != nil || !slices.Contains(p.labels, LabelHeld) {
		return "", err
	}
	what, why := l.judge(p)
	if what == sendOn {
		why = "it would be sent on now: give it the label " + LabelApproved
	}
	return why, nil
}

// post gathers what decides about mail for l.
func (d *Distributor) post(rd *mailstore.Reader, l *List, m mailstore.Message, now time.Time) (p post, err error) {
	raw, err := rd.Raw(m.Blob)
	if err != nil {
		return p, err
	}
	labels, err := rd.Labels(m.Account, m.ID)
	if err != nil {
		return p, err
	}
	p = postOf(m, raw, labels)
	if p.Standing, err = d.standing(rd, m); err != nil {
		return p, err
	}
	if p.inHour, err = postsIn(rd.Space(space), l.Account, now); err != nil {
		return p, err
	}
	if len(p.authors) == 1 {
		p.member, err = isMember(rd, *l, p.authors[0])
	}
	return p, err
}

// decide judges mail for l and returns what is to be written about it, and what is sent on of it;
// nil: nothing.
func (d *Distributor) decide(rd *mailstore.Reader, l *List, m mailstore.Message, now time.Time) (put func(*mailstore.Tx) error, out *outgoing, err error) {
	p, err := d.post(rd, l, m, now)
	if err != nil {
		return nil, nil, err
	}
	what, why := l.judge(p)
	ref := trace.NewRef()
	if what == sendOn {
		received := trace.Received(trace.Peer{Addr: "local", Helo: d.hostname, Protocol: trace.ProtocolLocal}, d.hostname, ref, nil, now)
		raw, err := copyFor(l, p.raw, received, d.hostname, ref, now)
		if err != nil {
			what, why = leave, err.Error() // it goes in circles, or has no author
		}
		out = &outgoing{list: l, post: &p, raw: raw}
	}
	d.log.Info("lists: a post", "list", l.Address, "message", m.ID, "sent_on", what == sendOn, "why", why, "mail", ref)
	switch what {
	case sendOn:
		return func(tx *mailstore.Tx) error { return startPost(tx, l, &p, m, out.raw, ref, now) }, out, nil
	case hold:
		return func(tx *mailstore.Tx) error { return tx.SetLabels(m.Account, m.ID, []string{LabelHeld}, nil) }, nil, nil
	}
	return func(*mailstore.Tx) error { return nil }, nil, nil
}

// journalKey is where the journal was followed to; before the first list there is none.
var journalKey = []byte("j")

// startFollowing lets the first list begin with what comes from now on.
func startFollowing(tx *mailstore.Tx) error {
	sp := tx.Space(space)
	if known, err := sp.Has(journalKey); err != nil || known {
		return err
	}
	now, err := tx.ModSeq()
	if err != nil {
		return err
	}
	return sp.PutNumber(journalKey, uint64(now))
}
