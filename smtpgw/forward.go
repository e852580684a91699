package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/forwards"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/authres/spf"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/srs"
	"cairn/smtpgw/trace"
)

// Mail of an account that is sent on is queued in the transaction that stores it. Its octets stay
// as they came, so signatures of its author hold; on top are what this node found out about it,
// under a seal (RFC 8617), and Delivered-To, by which it is seen to have been here. Its envelope
// sender becomes an address of ours (see package srs), and what is reported to that is sent on to
// the sender it stands for.

// Forwarding is what a Delivery sends mail on by.
type Forwarding struct {
	Queue *outbox.Queue
	// Seal returns the fields of one more ARC set for a message, by a domain of ours, each with
	// its CRLF; none where that domain cannot seal. results are what this node found out about it,
	// as in Authentication-Results behind the colon. nil: nothing is sealed.
	Seal func(ctx context.Context, domain string, results string, raw []byte) []byte
}

// SetForwarding has a Delivery send mail on, before it is used.
func (d *Delivery) SetForwarding(f Forwarding) { d.forwarding = &f }

// onward is what goes to others of an arrival, but for Delivered-To; nil if nothing is to. It is
// made before the transaction, since sealing asks the DNS about seals before.
func (d *Delivery) onward(ctx context.Context, rcpts []address.Mailbox, stored []byte, shown screen.Evidence) ([]byte, error) {
	if d.forwarding == nil {
		return nil, nil
	}
	domain := ""
	err := d.store.View(func(r *mailstore.Reader) error {
		for _, m := range rcpts {
			a, err := d.dir.Recipient(r, m)
			if errors.Is(err, mailstore.ErrNotFound) {
				continue // others say so
			}
			if err != nil {
				return err
			}
			rule, err := forwards.Of(r, a.ID)
			if err != nil {
				return err
			}
			if len(rule.To) > 0 {
				domain = m.Domain
			}
		}
		return nil
	})
	if err != nil || domain == "" {
		return nil, err
	}
	raw := withoutReturnPath(stored)
	if d.forwarding.Seal == nil {
		return raw, nil
	}
	_, results, _ := strings.Cut(string(authres.Field(d.hostname, shown)), ":")
	return slices.Concat(d.forwarding.Seal(ctx, domain, results, raw), raw), nil
}

// withoutReturnPath drops the field that says by which sender a message came to its mailbox (RFC
// 5321, section 4.4).
func withoutReturnPath(raw []byte) []byte {
	header, rest := rawheader.Split(raw)
	out := make([]byte, 0, len(raw))
	for f := range rawheader.Fields(header) {
		if !f.Is("return-path") {
			out = append(out, f.Raw...)
		}
	}
	return append(out, rest...)
}

// verdictsStay are those of mail that is never sent on.
var verdictsStay = []record.Verdict{record.Differs, record.Invalid, record.Replayed}

// staysHere tells why mail with a decision is not sent on; empty: it may be.
func staysHere(d screen.Decision) string {
	switch {
	case d.Hold:
		return "it is held"
	case !slices.Contains(d.Labels, mailstore.LabelInbox):
		return "it is not in the inbox"
	}
	for _, v := range verdictsStay {
		if slices.Contains(d.Labels, screen.VerdictLabel(v)) {
			return "its verdict is " + string(v)
		}
	}
	return ""
}

// sendOn queues one account's copy for where the account has its mail sent on to. gone is
// whether no copy is to be kept.
func (l *landing) sendOn(tx *mailstore.Tx, s *share) (gone bool, err error) {
	if l.onward == nil {
		return false, nil
	}
	rule, err := forwards.Of(&tx.Reader, s.account)
	if err != nil || len(rule.To) == 0 {
		return false, err
	}
	why := staysHere(s.decision)
	if why == "" {
		why, err = l.wasHere(tx, s)
	}
	raw := slices.Concat([]byte(trace.DeliveredTo+address.Path(s.linked[0])+"\r\n"), l.onward)
	if draft.CanArrive(raw) != nil && why == "" {
		why = "its header is too large"
	}
	if err != nil || why != "" {
		l.stays = append(l.stays, why)
		return false, err
	}
	to := make([]string, len(rule.To))
	for i, t := range rule.To {
		to[i] = t.Address
	}
	env := outbox.Envelope{Ref: l.ref, From: s.linked[0], Account: s.account, Recipients: to, RequireTLS: l.a.RequireTLS}
	if !l.isForged() {
		if env.From, err = l.d.senderOnward(tx, l.a.From, s.linked[0]); err != nil {
			return false, err
		}
		if env.From != s.linked[0] || env.From == l.a.From { // reports reach him, and not the account
			env.DSN = l.wishesOnward(s.linked, to)
		}
	}
	l.sentOn = append(l.sentOn, to...)
	// Of what has no sender, or one who wants to hear of no failure, nobody would be told.
	gone = rule.NoCopy && l.a.From != "" && env.DSN.Wants(to[0], outbox.NotifyFailure)
	return gone, l.d.queueOnward(tx, env, raw)
}

// wishesOnward is what the sender of an arrival asked about reports on some recipients, all of one
// account, of where that has its mail sent on to (RFC 3461, section 5.2.7). Of success he hears
// when it comes here.
func (l *landing) wishesOnward(rcpts, to []string) outbox.DSN {
	out := l.a.DSN
	out.Asked = nil
	var all outbox.Asked
	explicit := false
	for _, rcpt := range rcpts {
		asked := l.a.DSN.Of(rcpt)
		explicit = explicit || asked.Notify != 0
		if all.Original == "" {
			all.Original = asked.Original
		}
		for _, what := range []outbox.Notify{outbox.NotifyFailure, outbox.NotifyDelay} {
			if l.a.DSN.Wants(rcpt, what) {
				all.Notify |= what
			}
		}
	}
	switch {
	case !explicit:
		all.Notify = 0
	case all.Notify == 0:
		all.Notify = outbox.NotifyNever
	}
	if all.Notify == 0 && all.Original == "" {
		return out
	}
	for _, t := range to {
		all.Recipient = t
		out.Asked = append(out.Asked, all)
	}
	return out
}

// isForged reports whether SPF says that the server which brought an arrival may not send for its
// envelope sender; of one of ours it has to say that it may, since the mail goes on in our name.
// Reports to that one would reach whoever was named: the account has them instead.
func (l *landing) isForged() bool {
	ours := l.d.dir.IsLocal(maildomain.OfAddress(l.a.From))
	return l.a.From != "" && slices.ContainsFunc(l.found.gathered, func(r screen.Result) bool {
		forged := r.Result == string(spf.Fail) || r.Result == string(spf.SoftFail) || ours && r.Result != screen.Pass
		return forged && r.Method == "spf" && r.Property == "smtp.mailfrom" && r.About == l.a.From
	})
}

// wasHere tells that the message has come to the account before, by Delivered-To: at an address of
// the account, or at the same one that the account stands in for.
func (l *landing) wasHere(tx *mailstore.Tx, s *share) (why string, err error) {
	header, _ := rawheader.Split(l.a.Raw)
	for f := range rawheader.Fields(header) {
		if !f.Is("delivered-to") {
			continue
		}
		before := strings.Trim(f.Unfolded(), "<>")
		if slices.ContainsFunc(s.rcpts, func(rcpt string) bool { return sameMailbox(before, rcpt) }) {
			return "it has been here before", nil
		}
		m, bad := address.Parse(before, true)
		if bad != nil {
			continue
		}
		a, err := l.d.dir.Account(&tx.Reader, m)
		if err == nil && a.ID == s.account {
			return "it has been here before", nil
		}
		if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
			return "", err
		}
	}
	return "", nil
}

// senderOnward is the envelope sender with which mail of a sender goes on that came for rcpt. One
// of ours and the null sender stay; one that cannot be rewritten makes way for rcpt.
func (d *Delivery) senderOnward(tx *mailstore.Tx, from, rcpt string) (string, error) {
	if from == "" || d.dir.IsLocal(maildomain.OfAddress(from)) {
		return from, nil
	}
	m, err := address.Parse(from, true)
	if err != nil {
		return rcpt, nil
	}
	key, err := forwards.MakeKey(tx)
	if err != nil {
		return "", fmt.Errorf("the key of rewritten senders: %w", err)
	}
	local, err := srs.Rewrite(key, m.Local, m.Domain, d.now())
	if err != nil {
		return rcpt, nil
	}
	return address.Mailbox{Local: local, Domain: maildomain.OfAddress(rcpt)}.String(), nil
}

// queueOnward queues a message that no account has sent, for each recipient apart. No copy of it
// stays with the account.
func (d *Delivery) queueOnward(tx *mailstore.Tx, env outbox.Envelope, raw []byte) error {
	return queueOnward(tx, d.forwarding.Queue, env, raw, d.now())
}

func queueOnward(tx *mailstore.Tx, queue *outbox.Queue, env outbox.Envelope, raw []byte, now time.Time) error {
	var groups []outbox.Group
	for _, to := range env.Recipients {
		groups = append(groups, outbox.Group{Domain: maildomain.OfAddress(to), Recipients: []string{to}})
	}
	blob, err := tx.PutBlob(raw)
	if err != nil {
		return err
	}
	id, err := tx.AddMessage(mailstore.Message{
		Account: env.Account, Blob: blob, Size: int64(len(raw)), Received: now, From: env.From, Recipients: env.Recipients, Outgoing: true,
	}, nil)
	if err != nil {
		return err
	}
	if err := queue.Enqueue(tx, env, groups, id, blob); err != nil {
		return err
	}
	return tx.RemoveMessage(env.Account, id)
}

// standsFor is the address elsewhere that a rewritten one stands for; empty: it is none. The error
// may be the refusal: it takes reports alone, and not for ever.
func (d *Delivery) standsFor(r *mailstore.Reader, from string, m address.Mailbox) (string, error) {
	is, err := d.dir.IsRewritten(r, m)
	if err != nil || !is {
		return "", err
	}
	key, err := forwards.Key(r)
	if err != nil {
		return "", err
	}
	local, domain, err := srs.Reverse(key, m.Local, d.now())
	switch {
	case errors.Is(err, srs.ErrOld) && d.distrust():
		return "", refuse.With(451, 4, 3, 0, "the age of <%s> is not known at present; try again later", address.Path(m.String()))
	case err != nil:
		return "", refuse.With(550, 5, 7, 1, "<%s> stands for no sender of mail that was sent on from here in the last ten days", address.Path(m.String()))
	case from != "":
		return "", refuse.With(550, 5, 7, 1, "<%s> takes reports alone, from the null sender", address.Path(m.String()))
	}
	to, err := address.Parse(local+"@"+domain, true)
	if err != nil {
		return "", refuse.With(550, 5, 7, 1, "<%s> stands for no address", address.Path(m.String()))
	}
	return to.String(), nil
}

// mayCome is the refusal of a recipient that a sender may not write to, though it has a place
// here.
func (d *Delivery) mayCome(from string, m address.Mailbox) error {
	err := d.store.View(func(r *mailstore.Reader) error {
		_, err := d.standsFor(r, from, m)
		return err
	})
	if err != nil || from != "" {
		return err
	}
	return d.mayReport(m)
}

// takeBack takes the recipients of an arrival that stand for senders elsewhere out of it, and
// returns these senders.
func (d *Delivery) takeBack(a *arrival.Arrival, rcpts []address.Mailbox) (here []address.Mailbox, back []string, err error) {
	if d.forwarding == nil || !slices.ContainsFunc(rcpts, func(m address.Mailbox) bool { return srs.Is(m.Local) }) {
		return rcpts, nil, nil
	}
	a.Recipients = slices.Clone(a.Recipients)
	err = d.store.View(func(r *mailstore.Reader) error {
		for _, m := range rcpts {
			to, err := d.standsFor(r, a.From, m)
			if err != nil {
				return err
			}
			if to == "" {
				here = append(here, m)
				continue
			}
			back = append(back, to)
			a.Recipients = slices.DeleteFunc(a.Recipients, func(s string) bool { return s == m.String() })
		}
		return nil
	})
	return here, back, err
}

// mayGoBack judges a report that would be sent on to who its recipients stand for, and is the
// refusal of one that may not be. This node's record goes on top of it: what claims to be from
// people here without that, or is not as it was recorded, would be as good as theirs, and what
// would be spam here in their inboxes. Whoever has read mail that was sent on knows such a
// recipient.
func (d *Delivery) mayGoBack(ctx context.Context, a *arrival.Arrival) (record.Verdict, error) {
	found, err := d.assess(ctx, a)
	if err != nil {
		return "", err
	}
	whole := found.Found()
	if v := whole.Verdict; v == record.Missing || slices.Contains(verdictsStay, v) {
		return v, refuse.With(550, 5, 7, 1, "this report is not sent on: its verdict is %s", v)
	}
	if staysHere(d.filing.decide(whole, found.gathered)) != "" {
		return whole.Verdict, refuse.With(550, 5, 7, 1, "this report is not sent on: it would be spam here")
	}
	return whole.Verdict, nil
}

// sendBack queues a report for the senders that its recipients stand for.
func (l *landing) sendBack(tx *mailstore.Tx) error {
	if len(l.back) == 0 {
		return nil
	}
	postmaster, err := l.d.dir.PostmasterAccount(&tx.Reader)
	if err != nil {
		return err
	}
	at := address.Mailbox{Local: "postmaster", Domain: l.d.dir.Home()}
	raw := slices.Concat([]byte(trace.DeliveredTo+address.Path(at.String())+"\r\n"), withoutReturnPath(l.stored))
	return l.d.queueOnward(tx, outbox.Envelope{Ref: l.ref, Account: postmaster.ID, Recipients: l.back, RequireTLS: l.a.RequireTLS}, raw)
}
