package record

import "cairn/mailstore/message"

// count sums the parts up. Share counts what an author would count: each thing once, and nothing
// that relays add.
func (c *comparer) count() {
	addresses := 0 // fields whose addresses are others: one map of addresses is one difference
	alternatives := c.alternatives()
	for _, p := range c.Parts {
		if p.Type == message.Recipient && p.Outcome == Extra && !p.Mark {
			c.RecipientInRecord = false
		}
		row, known := p.Type.Info()
		switch {
		case !known || !row.Counts:
			continue
		case p.Outcome == Extra:
			continue
		case p.Type == message.HTML && alternatives[p.Index]:
			continue
		case p.Outcome == Same:
			c.Same++
			c.Kept++
		case p.Kept:
			c.Kept++
		case p.Outcome == Changed && p.Type <= message.ReplyTo:
			if addresses++; addresses > 1 {
				continue
			}
		}
		c.Recorded++
	}
	for _, p := range c.Parts {
		if p.Outcome == Extra {
			c.Extra++
		}
	}
}

// alternatives returns which HTML bodies do not count beside a text of the same number: two forms of
// one body are one thing. Where they fare differently, the one that is not kept counts.
func (c *comparer) alternatives() map[uint16]bool {
	kept := map[message.Type]map[uint16]bool{message.Text: {}, message.HTML: {}}
	for _, p := range c.Parts {
		if (p.Type == message.Text || p.Type == message.HTML) && p.Outcome != Extra {
			kept[p.Type][p.Index] = p.Outcome == Same || p.Kept
		}
	}
	skip := map[uint16]bool{}
	for i := range kept[message.HTML] {
		if _, both := kept[message.Text][i]; both {
			skip[i] = true
		}
	}
	return skip
}
