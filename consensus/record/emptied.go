package record

import (
	"slices"

	"cairn/mailstore/message"
)

// emptied says of texts that were taken out if no other is left, nor came an attachment in which
// they may be: nothing else in the message tells its reader that there was any.
func (c *comparer) emptied() {
	text := func(p Part) bool { return p.Type == message.Text || p.Type == message.HTML }
	for _, p := range c.Parts {
		if text(p) && p.Kind != Removed || p.Type == message.Attachment && p.Outcome == Extra {
			return
		}
	}
	if !slices.ContainsFunc(c.Parts, text) {
		return
	}
	kind := Emptied
	if c.outcome(message.Subject) == Same && c.emptyForm() {
		kind = EmptyFormLeft
	}
	for i := range c.Parts {
		if text(c.Parts[i]) {
			c.Parts[i].Kind = kind
		}
	}
}

// emptyForm reports whether the author wrote an empty text for another form of the body, and that
// stands where it stood, in an alternative with the HTML that is gone.
func (c *comparer) emptyForm() bool {
	return len(c.origin.of(message.Text))+len(c.received(message.Text)) == 0 && !c.AsSent &&
		c.formsGone(message.HTML) >= len(c.origin.of(message.HTML))
}
