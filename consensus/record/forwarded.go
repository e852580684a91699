package record

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// ErrUnknownVersion is wrapped by the error about a token of a version that this program does not
// know: the mail counts as one without a record, since a later Cairn may have made it.
var ErrUnknownVersion = errors.New("token of an unknown version")

// Counted is the share in numbers: how many of the parts that count are as recorded, or differ as
// an honest relay makes them differ, and how many parts count.
func (c Comparison) Counted() (kept, of int) { return c.Same, c.Recorded + c.Extra }

// Forwarded reports whether every difference is what a known forwarder may do: one tag, one footer,
// its own fields, another envelope recipient.
func (c Comparison) Forwarded() bool {
	if c.Recorded == 0 {
		return false
	}
	for _, p := range c.Parts {
		if p.Outcome != Same && p.Type != message.Recipient && !p.Benign() {
			return false
		}
	}
	return true
}

// Quoted are the additions to the author's message, each in quotes, none longer than a line.
func (c Comparison) Quoted() []string { return nil }

// Words says of a message that a known forwarder sent on what of it is the author's and what is
// not, to follow "Recorded by D for A: ".
func (c Comparison) Words() string {
	var differ []string
	for _, p := range c.Parts {
		if p.Outcome != Same && p.Type != message.Recipient {
			differ = append(differ, p.String())
		}
	}
	if len(differ) == 0 {
		return "unchanged"
	}
	return strings.Join(differ, "; ")
}

// Named returns those of addrs, in any letter case, that the record has as envelope recipients. Of
// many it looks at the first message.MaxRecipients.
func (t *Token) Named(addrs []string) (named []string) {
	type place struct {
		Commitment
		salt [32]byte
	}
	var places []place
	for _, c := range t.Record.Commitments {
		if c.Type == message.Recipient {
			places = append(places, place{c, Salt(t.Secret, c.Type, c.Index)})
		}
	}
	for _, addr := range addrs[:min(len(addrs), message.MaxRecipients)] {
		for _, comp := range message.Components(nil, []string{addr}) {
			digest := sha256.Sum256(comp.Content)
			if comp.Type == message.Recipient && slices.ContainsFunc(places, func(p place) bool {
				return p.C == CommitTo(p.Type, p.Index, p.salt, digest)
			}) {
				named = append(named, addr)
			}
		}
	}
	return named
}
