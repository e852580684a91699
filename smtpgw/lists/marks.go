package lists

import (
	"context"
	"slices"
	"strings"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/authres/assess"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/rawheader"
)

// Marks are what servers outside go by of what a list sends on: that it was the list's domain, and
// what that found out about the post. They are made once for all members, and recorded.
type Marks struct {
	// Seal returns the fields of one more ARC set for goes, by a domain of ours, each with its
	// CRLF; none where that domain cannot seal. came is the message as it came, to which the sets
	// before are held, and results are what this node found out about that, as in
	// Authentication-Results behind the colon. nil: nothing is sealed.
	Seal func(ctx context.Context, domain, results string, came, goes []byte) []byte
	// Sign returns DKIM-Signature fields, as courier.Sign does. nil: nothing is signed.
	Sign func(domain string, message ...[]byte) []byte
}

// outgoing is what is sent on of a post.
type outgoing struct {
	list *List
	post *post
	raw  []byte
}

// mark puts the signature and the seal on top. The seal covers the signature too. What they would
// make too large to arrive goes without.
func (d *Distributor) mark(ctx context.Context, out *outgoing) {
	domain := maildomain.OfAddress(out.list.Address)
	put := func(fields []byte) {
		if marked := slices.Concat(fields, out.raw); len(fields) > 0 && draft.CanArrive(marked) == nil {
			out.raw = marked
		} else if len(fields) > 0 {
			d.log.Info("lists: a post is sent on without a mark for servers outside: its header is too large", "list", out.list.Address)
		}
	}
	if d.marks.Sign != nil && out.post.maySign(domain) {
		put(d.marks.Sign(domain, out.raw))
	}
	if d.marks.Seal != nil {
		put(d.marks.Seal(ctx, domain, foundOf(out.post.header, d.hostname), out.post.raw, out.raw))
	}
}

// maySign reports whether a domain of ours may sign a post. Where its author may be taken for one
// of that domain's, the signature makes DMARC pass for him: so he has to be who recorded it.
func (p *post) maySign(domain string) bool {
	if p.isRecorded() && p.Author && len(p.authors) == 1 {
		return true
	}
	authors := assess.AuthorDomains(p.header)
	return len(authors) > 0 && !slices.ContainsFunc(authors, func(author string) bool { return dmarc.MayAlign(author, domain) })
}

// foundOf is what this node found out about a stored message when it came, as it stands in the
// header: above our Received nobody else writes.
func foundOf(header []byte, hostname string) string {
	for f := range rawheader.Fields(header) {
		if f.Is("received") {
			break
		}
		if f.Is("authentication-results") && authres.Bears(f.Value(), hostname) {
			return f.Value()
		}
	}
	_, nothing, _ := strings.Cut(string(authres.Field(hostname, nil)), ":")
	return nothing
}
