package courier

import (
	"strings"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/rawheader"
)

// mustRequireTLS reports whether an entry goes only where REQUIRETLS is kept. A report is not lost
// for the want of that: it has REQUIRETLS where that is offered (RFC 8689, sections 4.2.1
// and 5).
func mustRequireTLS(e *outbox.Entry) bool { return e.RequireTLS && e.From != "" }

// unkept is the fate of mail that no server of a route may have with REQUIRETLS. It waits while
// there may be others.
func (c *Courier) unkept(e *outbox.Entry, route *client.Route, text string) []fate {
	if route.Lacking != nil {
		return c.deferred(e, "find a route to "+e.Domain, route.Lacking)
	}
	return alike(e, route.Unfit(text))
}

// saysAnyTLS reports whether the sender of a message would rather have it arrive than keep to what
// the recipient's domain asks of TLS (RFC 8689, section 3). A field that stands there twice says
// nothing, nor does one in what an account or a list sends on: whoever wrote it has not named these
// recipients, and could read on the way who they are.
func saysAnyTLS(raw []byte) bool {
	header, _ := rawheader.Split(raw)
	said, no, sentOn := 0, false, false
	for f := range rawheader.Fields(header) {
		switch {
		case f.Is("tls-required"):
			said++
			no = strings.EqualFold(f.Unfolded(), "no")
		case f.Is("delivered-to"), f.Is("list-id"):
			sentOn = true
		}
	}
	return said == 1 && no && !sentOn
}
