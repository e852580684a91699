package screen

import "slices"

// Result is what one method found out about a message.
type Result struct {
	// Method is a name of the registry of Email Authentication Methods (RFC 8601, section 6.2),
	// such as spf, dkim, dmarc and arc, or one of those below.
	Method string `json:"method"`
	Result string `json:"result"` // as the method has it: pass, fail, none …
	// About is whom the result is about: a domain as A-label, or an address. Empty: nobody.
	About string `json:"about,omitempty"`
	// Property is where About stands, ptype and property joined by a dot (RFC 8601, section 2.3):
	// header.from, smtp.mailfrom, header.d …
	Property string `json:"property,omitempty"`
	Reason   string `json:"reason,omitempty"` // for people
	// Policy is what the domain of a DMARC result that is no pass wants done with the message:
	// none, quarantine or reject (RFC 9989, section 4.7). Empty: it is not known, or has none.
	Policy string `json:"policy,omitempty"`
}

// Methods of the registry that more than one part names. Results of DMARC say what a domain wants
// done; ARC passes for a domain only by the word of relays that are trusted.
const (
	MethodDMARC = "dmarc"
	MethodARC   = "arc"
)

// Methods of Cairn's own. That of the history is about one account and is in no header.
const (
	MethodRecord    = "x-cairn"           // the comparison of a message with its record
	MethodForwarder = "x-cairn-forwarder" // the known forwarder that sent it on
	MethodListed    = "x-cairn-dnsbl"     // a list in the DNS of addresses that send what nobody wants
	MethodHistory   = "x-cairn-history"   // what the account had to do with an address before
)

// Results that several methods share (RFC 8601, section 2.7).
const (
	Pass     = "pass"
	Fail     = "fail"
	Neutral  = "neutral"
	ByPolicy = "policy"
	None     = "none"
	// TempError and PermError: it cannot be told, because of the DNS at this moment or of what is
	// there.
	TempError = "temperror"
	PermError = "permerror"
)

// Evidence is all that was found out about a message.
type Evidence []Result

// passes reports whether a method passed for one of these.
func (e Evidence) passes(method string, about ...string) bool {
	return slices.ContainsFunc(e, func(r Result) bool {
		return r.Method == method && r.Result == Pass && slices.Contains(about, r.About)
	})
}

// History is what an account had to do with an address before this mail.
type History struct {
	Wrote bool // the account has sent mail to it
	Kept  bool // the account has read mail from it and left that in the inbox
	// NotSpam: the account has called mail no spam that its author recorded for this address.
	NotSpam bool
}

// Evidence of a history, about an address. It gives tolerance and reasons, never trust: whoever
// forges a sender chooses one that is known.
func (h History) Evidence(address string) Result {
	r := Result{Method: MethodHistory, Result: None, About: address, Reason: "you have neither written to " + address + " nor kept mail from it"}
	switch {
	case h.Wrote:
		r.Result, r.Reason = Pass, "you have written to "+address
	case h.NotSpam:
		r.Result, r.Reason = Pass, "you have called mail for "+address+" no spam"
	case h.Kept:
		r.Result, r.Reason = Neutral, "you have kept mail from "+address
	}
	return r
}
