package smtpgw

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/emersion/go-smtp"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/asked"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// Another mail server may stand beside this node and have the mailboxes of the organisation. What
// arrives for these is judged here and kept there.

// Judgement is what this node makes of a message that another mail server keeps.
type Judgement struct {
	Verdict string // of the chain, at this moment
	// Results is a whole Authentication-Results field, with CRLF (RFC 8601).
	Results []byte
	Spam    bool   // it goes to spam, or is held for a person to look at
	Hold    bool   // the latter
	Discard bool   // it is to be taken and dropped
	Refuse  string // not to be taken at all, for this reason; empty: it is
	Reasons []string
}

// spamField marks mail that goes to spam, for who files it. Those of others are removed first.
const spamField = "X-Spam-Flag: YES\r\n"

// Fields are the header fields that tell of the judgement, with CRLF.
func (j *Judgement) Fields() []byte {
	if j.Spam {
		return append([]byte(spamField), j.Results...)
	}
	return j.Results
}

// Judge checks an arrival as Deliver does and stores nothing. So it knows nothing of copies that
// came before: a record that is used twice is not found out, and a verdict that a later block
// changes is not revised. Errors are as of Deliver.
func (d *Delivery) Judge(ctx context.Context, a *arrival.Arrival) (*Judgement, error) {
	header, _ := rawheader.Split(a.Raw)
	if err := trace.CheckLoop(header); err != nil {
		return nil, err
	}
	if _, err := canonicalRecipients(a); err != nil {
		return nil, err
	}
	a.Received = d.now()
	found, err := d.assess(ctx, a)
	if err != nil {
		return nil, err
	}
	whole := found.Found()
	decision := d.filing.decide(whole, found.gathered)
	j := &Judgement{
		Verdict: string(whole.Verdict), Results: authres.Field(d.hostname, append(whole.Evidence(), found.gathered...)),
		Hold: decision.Hold, Discard: decision.Discard, Refuse: decision.Refuse, Reasons: decision.Reasons,
	}
	for _, label := range decision.Labels {
		j.Spam = j.Spam || label == mailstore.LabelSpam || label == mailstore.LabelQuarantine
	}
	if j.Refuse != "" {
		return j, refusalReply(j.Refuse)
	}
	return j, nil
}

// Parameter is the value of a parameter of MAIL or RCPT; ok is false where it is not there.
type Parameter func(name string) (value string, ok bool)

// To is a recipient that another mail server has taken.
type To struct {
	Address   string
	Parameter Parameter
}

// SubmitFor is Submit of what another mail server has taken, with what its client asked about
// reports (RFC 3461) and TLS (RFC 8689). others is whether it has recipients beside those. As the
// one reply is about all, one of several to whom mail cannot go is taken too, and a report tells of
// him.
func (s *Submitter) SubmitFor(ctx context.Context, peer trace.Peer, from string, mail Parameter, to []To, others bool, raw []byte) (Receipt, error) {
	dsn, err := askedThere(mail, to)
	if err != nil {
		return Receipt{}, err
	}
	rcpts := make([]string, len(to))
	for i, r := range to {
		rcpts[i] = r.Address
	}
	_, requireTLS := mail("REQUIRETLS")
	return s.submitLogged(ctx, peer, from, rcpts, others || len(to) > 1, dsn, requireTLS, raw, nil)
}

// askedThere reads RET, ENVID, NOTIFY and ORCPT, which that server has checked.
func askedThere(mail Parameter, to []To) (dsn outbox.DSN, err error) {
	ret, _ := mail("RET")
	id, _ := mail("ENVID")
	dsn = outbox.DSN{Full: strings.EqualFold(ret, "FULL"), HDRS: strings.EqualFold(ret, "HDRS"), EnvID: fromXtext(id)}
	if len(dsn.EnvID) > asked.MaxEnvID || strings.ContainsFunc(dsn.EnvID, address.IsControl) {
		return dsn, refuse.With(501, 5, 5, 4, "ENVID is longer than %d octets (RFC 3461, section 4.4)", asked.MaxEnvID)
	}
	for _, r := range to {
		m, err := address.Parse(r.Address, true)
		if err != nil {
			return dsn, err
		}
		var opts smtp.RcptOptions
		notify, _ := r.Parameter("NOTIFY")
		for word := range strings.SplitSeq(strings.ToUpper(notify), ",") {
			opts.Notify = append(opts.Notify, smtp.DSNNotify(word))
		}
		if original, ok := r.Parameter("ORCPT"); ok {
			kind, address, _ := strings.Cut(original, ";")
			opts.OriginalRecipientType, opts.OriginalRecipient = smtp.DSNAddressType(kind), fromXtext(address)
		}
		asked, err := asked.Of(&opts)
		if err != nil {
			return dsn, err
		}
		if asked.Recipient = m.String(); asked.Notify != 0 || asked.Original != "" {
			dsn.Asked = append(dsn.Asked, asked)
		}
	}
	return dsn, nil
}

// fromXtext reads xtext (RFC 3461, section 4). A "+" that begins no octet stands for itself.
func fromXtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			if octet, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.WriteByte(octet[0])
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Foreign reports whether a header field of an arrival says what only this node may say of it: such
// a field is removed at delivery. value is what stands behind the colon.
func (d *Delivery) Foreign(name, value string) bool {
	name = strings.ToLower(name)
	return message.LocalNote(name) || message.ForeignFinding(name) ||
		name == "authentication-results" && authres.Bears(value, d.hostname)
}

// judged is an arrival for a mail server beside this node: with what it is judged to be on top, and
// what others say of that removed. nil: it is dropped.
func (d *Delivery) judged(ctx context.Context, a *arrival.Arrival, ref string) ([]byte, error) {
	j, err := d.Judge(ctx, a)
	if err != nil || j.Discard {
		return nil, err
	}
	return trace.Put(a.Raw, append(j.Fields(), trace.Received(a.Peer, d.hostname, ref, a.Recipients, a.Received)...), d.hostname), nil
}
