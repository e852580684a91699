package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// explainTogether looks at parts that explain each other: a From moved to Reply-To, an alternative
// of the body that was dropped, a footer that came as a part of its own.
func explainTogether(parts []Part, sent []recorded, received []arrival) {
	text, html := formOf(parts, message.Text), formOf(parts, message.HTML)
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Type == message.From && p.Outcome == Changed && movedToReplyTo(sent, received):
			p.Kind = MovedToReplyTo
		case p.Outcome == Absent && p.Type == message.Text && text.dropped(html),
			p.Outcome == Absent && p.Type == message.HTML && html.dropped(text),
			p.Outcome == Absent && p.Type == message.SignatureBlock && (text.intact() || text.dropped(html)):
			p.Kind = AlternativeRemoved
		case p.Outcome == Extra && p.Type == message.Text && (text.intact() || html.intact()):
			if a := arrivalOf(*p, received); a.Footer && appendedKind(a.Content()) == FooterAppended {
				p.Kind = FooterPart
			}
		}
	}
}

// form counts the recorded parts of one of the two forms of a body, text and html.
type form struct{ recorded, benign, absent int }

func formOf(parts []Part, t message.Type) (f form) {
	for _, p := range parts {
		if p.Type != t || p.Outcome == Extra {
			continue
		}
		f.recorded++
		if p.Outcome == Absent {
			f.absent++
		} else if p.Benign() {
			f.benign++
		}
	}
	return f
}

// intact reports whether all that was recorded of a form arrived as it was, or with a benign
// change.
func (f form) intact() bool { return f.recorded > 0 && f.benign == f.recorded }

// dropped reports whether a form is gone as a whole and the other one says it all: part by part,
// since a second text has its words nowhere else while the first one stays.
func (f form) dropped(other form) bool {
	return f.recorded > 0 && f.absent == f.recorded && other.intact() && other.recorded >= f.recorded
}

// movedToReplyTo reports whether the recorded author stands in Reply-To now.
func movedToReplyTo(sent []recorded, received []arrival) bool {
	for i := range sent {
		if sent[i].kind != message.From {
			continue
		}
		for j := range received {
			if received[j].Type == message.ReplyTo && heldAuthor(&sent[i], nil, &received[j]) {
				return true
			}
		}
	}
	return false
}

const maxReplyTo = 6 // addresses of a Reply-To in which the author is looked for

// heldAuthor reports whether a Reply-To that arrived holds the recorded author and, beside that,
// exactly what was recorded as Reply-To; nothing else if replyTo is nil.
func heldAuthor(from, replyTo *recorded, a *arrival) bool {
	if from.is(a.digest) {
		return replyTo == nil
	}
	specs := strings.Split(string(a.Content()), "\n")
	if len(specs) > maxReplyTo || a.Reading == message.AsOctets {
		return false
	}
	for set := 1; set < 1<<len(specs); set++ {
		var author, rest []string
		for i, spec := range specs {
			if set>>i&1 == 1 {
				author = append(author, spec)
			} else {
				rest = append(rest, spec)
			}
		}
		if from.isContent([]byte(strings.Join(author, "\n")), nil) && (replyTo == nil || replyTo.isContent([]byte(strings.Join(rest, "\n")), nil)) {
			return true
		}
	}
	return false
}

// arrivalOf returns what arrived in the place of p.
func arrivalOf(p Part, received []arrival) (a arrival) {
	if i := slices.IndexFunc(received, func(a arrival) bool { return a.Type == p.Type && a.Index == p.Index }); i >= 0 {
		a = received[i]
	}
	return a
}
