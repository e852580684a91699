package record

import (
	"cairn/mailstore/message"
)

// explainTogether looks at parts that explain each other: a From moved to Reply-To, an alternative of the body that was dropped, a footer that came as
// a part of its own.
func explainTogether(parts []Part, sent []recorded, received []arrival) {
	bodyIntact := false // a text or html part arrived as recorded, or with a benign change
	for _, p := range parts {
		if p.Outcome != Extra && (p.Type == message.Text || p.Type == message.HTML) && p.Benign() {
			bodyIntact = true
		}
	}
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Type == message.From && p.Outcome == Changed && movedToReplyTo(sent, received):
			p.Kind = MovedToReplyTo
		case p.Outcome == Absent && (p.Type == message.Text || p.Type == message.HTML || p.Type == message.SignatureBlock) && bodyIntact:
			p.Kind = AlternativeRemoved
		case p.Outcome == Extra && p.Type == message.Text && bodyIntact && isLast(*p, received):
			if content := contentOf(*p, received); appendedKind(content) == FooterAppended {
				p.Kind = FooterPart
			}
		}
	}
}

func movedToReplyTo(sent []recorded, received []arrival) bool {
	for i := range sent {
		if sent[i].kind != message.From {
			continue
		}
		for _, a := range received {
			if a.Type == message.ReplyTo && sent[i].is(a.digest) {
				return true
			}
		}
	}
	return false
}

// isLast reports whether no other part of that type follows p in what arrived.
func isLast(p Part, received []arrival) bool {
	for _, a := range received {
		if a.Type == p.Type && a.Index > p.Index {
			return false
		}
	}
	return true
}

func contentOf(p Part, received []arrival) []byte {
	for _, a := range received {
		if a.Type == p.Type && a.Index == p.Index {
			return a.Content
		}
	}
	return nil
}
