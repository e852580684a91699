package record

import "cairn/mailstore/message"

// count sums the parts up. Share counts what an author would count: each thing once, and nothing
// that relays add.
func (c *comparer) count() {
	addresses := 0 // fields whose addresses are others: one map of addresses is one difference
	texts := c.texts()
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
		case p.Type == message.HTML && texts[p.Index]:
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

// texts returns the numbers of the recorded texts. An HTML body beside a text of its number does
// not count: two forms of one body are one thing.
func (c *comparer) texts() map[uint16]bool {
	numbers := map[uint16]bool{}
	for _, p := range c.Parts {
		if p.Type == message.Text && p.Outcome != Extra {
			numbers[p.Index] = true
		}
	}
	return numbers
}
