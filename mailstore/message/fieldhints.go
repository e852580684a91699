package message

import "cairn/mailstore/message/grammar"

// hintOctets notes what a field says that counts by its octets, so that it is known where it arrives without
// what made it count so.
func (d *Dissection) hintOctets(t Type, value string) {
	switch t {
	case Subject:
		if shown, padded := grammar.PaddedWords(value); padded {
			d.hints = append(d.hints, Hint{HintWords, []byte(shown)})
		}
	case InReplyTo, References:
		for _, id := range grammar.IDsAmong(value, maxIDHints) {
			d.hints = append(d.hints, Hint{HintID, []byte(id)})
		}
	}
}
