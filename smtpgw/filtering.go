package smtpgw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// Filter is a program of the administrator's that messages pass: submitted ones before they are
// recorded, so that the record is of what leaves; arrivals after they were judged, so that the
// verdict is of what arrived.
type Filter interface {
	// Run returns the message to go on with. A *Rejection says that this one is not to; any other
	// error is trouble of ours: the peer is told to come again. It may be called from many
	// goroutines, bounds its own time and memory, and ends early when ctx is done.
	Run(ctx context.Context, p Passing) ([]byte, error)
	// String names the program.
	String() string
}

// FilterError says that a filter is at fault, and not the message: it failed, or put out what
// cannot be used.
type FilterError struct {
	Program string
	Err     error
}

func (e *FilterError) Error() string { return fmt.Sprintf("the filter %s: %v", e.Program, e.Err) }

// Unwrap returns the cause.
func (e *FilterError) Unwrap() error { return e.Err }

// Passing is a message as a Filter gets it.
type Passing struct {
	Mode       Mode
	Raw        []byte // lines end in CRLF; not to be changed
	Ref        string // as in Received
	From       string // envelope sender; empty for the null sender
	Recipients []string
	Peer       trace.Peer
	Verdict    string // of an arrival, as a whole and at this moment; else empty
}

// Rejection is a Filter's word that a message goes no further.
type Rejection struct {
	Later bool   // it may come again; there is a reply for that
	Text  string // else for who brings it, in one line; foreign text
}

func (r *Rejection) Error() string { return "rejected by the filter: " + r.Text }

// reply is the rejection as the peer hears it.
func (r *Rejection) reply() error {
	if r.Later {
		return refuse.With(451, 4, 7, 1, "this message cannot be taken right now; try again later")
	}
	text := strings.TrimSpace(r.Text)
	if text == "" {
		text = "this message is not taken here"
	}
	return refusalReply(text)
}

// pass runs a message through a filter.
func pass(ctx context.Context, f Filter, p Passing) ([]byte, error) {
	out, err := f.Run(ctx, p)
	if rejection := (*Rejection)(nil); errors.As(err, &rejection) {
		return nil, rejection.reply()
	}
	if err != nil {
		return nil, &FilterError{f.String(), err}
	}
	return out, nil
}

// filtered runs a submitted message, ready to leave, through the administrator's filter. What comes
// out is held to what a submitter is held to, and put right in the same way: who writes a filter
// makes mistakes as well. They are ours, not the submitter's, so the reply is temporary.
func (s *Submitter) filtered(ctx context.Context, msg []byte, who poster, env outbox.Envelope, peer trace.Peer, with draft.Stamp) ([]byte, error) {
	if s.cfg.SubmissionFilter == nil {
		return msg, nil
	}
	out, err := pass(ctx, s.cfg.SubmissionFilter, Passing{
		Mode: Submission, Raw: msg, Ref: env.Ref, From: env.From, Recipients: env.Recipients, Peer: peer,
	})
	if err != nil {
		return nil, err
	}
	d, sender, err := s.afterFilter(message.WireLines(out), int64(len(msg)), who)
	if err != nil {
		// The cause may be a reply, which is none for this submitter.
		return nil, &FilterError{s.cfg.SubmissionFilter.String(), fmt.Errorf("what it put out cannot be sent: %v", err)}
	}
	with.Received, with.Sender = nil, sender
	out = d.Finish(with)
	if err := draft.CanArrive(out); err != nil {
		return nil, &FilterError{s.cfg.SubmissionFilter.String(), fmt.Errorf("what it put out cannot be sent: %v", err)}
	}
	return out, nil
}

// afterFilter reads what a filter put out for a message of size octets.
func (s *Submitter) afterFilter(out []byte, size int64, who poster) (d *draft.Draft, sender string, err error) {
	if most := max(s.limits.MessageBytes, size); int64(len(out)) > most {
		return nil, "", fmt.Errorf("it has %d octets, more than %d", len(out), most)
	}
	limits := s.limits
	limits.HeaderBytes += draft.OwnHeaderBytes // our own fields are there already
	limits.HeaderLines += draft.OwnHeaderLines
	if err := checkText(out, &limits); err != nil {
		return nil, "", err
	}
	if d, err = draft.Read(out); err != nil {
		return nil, "", err
	}
	sender, err = s.checkAuthors(d, who)
	return d, sender, err
}

// filtered runs an arrival, as it is to be stored, through the administrator's filter.
func (d *Delivery) filtered(ctx context.Context, stored []byte, a *arrival.Arrival, ref string, verdict record.Verdict) ([]byte, error) {
	if d.filter == nil {
		return stored, nil
	}
	out, err := pass(ctx, d.filter, Passing{
		Mode: Inbound, Raw: stored, Ref: ref, From: a.From, Recipients: a.Recipients, Peer: a.Peer, Verdict: string(verdict),
	})
	if err != nil {
		return nil, err
	}
	if out, err = d.under(stored, out); err != nil {
		return nil, &FilterError{d.filter.String(), err}
	}
	return out, nil
}

// under returns what is stored of a filter's output: the arrival under what was put on top.
func (d *Delivery) under(stored, out []byte) ([]byte, error) {
	added, found := bytes.CutSuffix(out, stored)
	if !found {
		added, found = bytes.CutSuffix(message.WireLines(out), stored)
	}
	if !found {
		return nil, errors.New("it changed a message that arrived; it may put header fields on top and nothing else")
	}
	if added = message.WireLines(added); len(added) == 0 {
		return stored, nil
	}
	return slices.Concat(added, stored), d.mayAdd(added)
}

// maxAdded bounds what a filter puts on top of an arrival.
const maxAdded = 16 << 10

// mayAdd holds what a filter puts on top to whole header fields that no program takes for the
// author's, and that no verdict is about.
func (d *Delivery) mayAdd(added []byte) error {
	if len(added) > maxAdded {
		return fmt.Errorf("it put %d octets on top; at most %d are allowed", len(added), maxAdded)
	}
	crlf := []byte("\r\n")
	if len(added) > 0 && !bytes.HasSuffix(added, crlf) || bytes.Count(added, []byte("\r")) != bytes.Count(added, crlf) || bytes.IndexByte(added, 0) >= 0 {
		return errors.New("it put something on top that is no whole line of text")
	}
	for f := range rawheader.Fields(added) {
		name := f.Lower()
		switch {
		case name == "":
			return fmt.Errorf("it put a line on top that is no header field: %q", f.Raw[:min(len(f.Raw), 80)])
		case !message.Uncovered(name), message.LocalNote(name), f.Is(message.TokenHeader), f.Is("return-path"),
			f.Is("authentication-results") && authres.Bears(f.Value(), d.hostname):
			return fmt.Errorf("it put the field %s on top; it may add those of filters, as X-Spam-*, X-Virus-*, "+
				"Received-SPF or Authentication-Results of another name", clean(name))
		}
	}
	return nil
}
