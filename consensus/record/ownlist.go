package record

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// fromList is what is own of a mail that a known list sent, each empty if there is none.
type fromList struct {
	posting string // its address
	reader  string // to whom alone the mail came
	author  string // domain of the address in From, as recorded
	id      string // that of the mail, as recorded, without brackets
}

// own says what hosts and addresses are the author's addressees' or the known forwarder's.
func (c *comparer) own() owners {
	own := owners{written: c.addressees}
	f := c.with.Forwarder
	if f == nil {
		return own
	}
	own.domain = f.Domain
	if !f.List {
		return own
	}
	own.posting, own.reader = strings.ToLower(f.Posting), strings.ToLower(c.with.Recipient)
	for _, address := range slices.Concat(c.addresses(message.From), c.addresses(message.ReplyTo)) {
		if c.isAuthorsAddress(address) {
			own.author = message.Domain(address)
		}
	}
	for _, a := range c.received(message.MessageID) {
		if ours := c.origin.of(message.MessageID); len(ours) == 1 && ours[0].is(a.digest) {
			own.id = strings.ToLower(strings.Trim(string(a.Content()), "<>"))
		}
	}
	return own
}

// cites reports whether a piece of a link to the known list is the identifier of the mail, or an
// address or a host at the author's domain, as in the pages of archives.
func (own owners) cites(piece string) bool {
	piece = strings.ToLower(piece)
	if own.id != "" && piece == own.id {
		return true
	}
	local, host, found := strings.Cut(piece, "@")
	if !found {
		local, host = "x", piece
	}
	return localPart.MatchString(local) && hostName.MatchString(host) && within(host, own.author)
}

// saysNothing reports whether a list field is links home alone, one in each pair of angle brackets,
// and none has the reader say anything; or what RFC 8058 has there.
func (own owners) saysNothing(value string) bool {
	if strings.Trim(inAngles.ReplaceAllString(value, ""), ", \t") != "" {
		return value == "List-Unsubscribe=One-Click"
	}
	return !slices.ContainsFunc(inAngles.FindAllString(value, -1), func(link string) bool {
		return !own.plainAction(strings.Trim(link, "<> \t"))
	})
}

var inAngles = regexp.MustCompile(`<[^<>]*>`)

// plainAction reports whether the whole of a link leads home and has the reader send nothing but
// orders, and none to all of the list.
func (own owners) plainAction(link string) bool {
	u, err := url.Parse(link)
	if err != nil || !own.link(link) {
		return false
	}
	return u.Opaque == "" || u.RawQuery+u.Fragment == "" || own.ordersAlone(u) && !strings.EqualFold(u.Opaque, own.posting)
}
