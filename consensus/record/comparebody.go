package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// body compares the parts of a body that was re-packed on the way.
func (c *comparer) body() {
	became := map[uint16]uint16{} // the index of a recorded attachment to that of the received one
	for _, t := range bodyTypes {
		ours, theirs := c.origin.of(t), c.received(t)
		switch t {
		case message.AttachmentName, message.AttachmentOctets:
			c.Parts = append(c.Parts, beside(t, ours, theirs, became)...)
		case message.Layout:
			c.layout(ours, theirs)
		default:
			c.banners(t, ours, theirs)
			c.Parts = append(c.Parts, pair(t, ours, theirs, became)...)
		}
	}
	body := c.d.Body()
	if body.Open {
		c.Parts = append(c.Parts, Part{Type: message.Layout, Outcome: Changed, Kind: Unclosed, named: true})
	}
	c.signatures()
	odd := slices.Clone(body.Odd)
	for _, loose := range body.Loose {
		if !c.origin.has(message.HintFlaw, []byte(loose)) {
			odd = append(odd, loose)
		}
	}
	if len(odd) > 0 {
		c.Parts = append(c.Parts, Part{Type: message.Layout, Outcome: Changed, Kind: Ambiguous, Detail: shorten([]byte(strings.Join(odd, "; ")))})
	}
}

// layout compares the tree of parts, and what stands before and behind them.
func (c *comparer) layout(ours []*recorded, theirs []*arrival) {
	for _, r := range ours {
		p := Part{Type: message.Layout, Index: r.index, Outcome: Absent, Kind: Removed}
		for _, a := range theirs {
			if a.Index != r.index {
				continue
			}
			a.taken = true
			if p.Outcome, p.Kind = Same, ""; !r.is(a.digest) {
				p.Outcome = Changed
				switch {
				case r.index != 0 || a.Reading != message.Canonical:
				case isParameterGone(r, a):
					p.Kind = ParameterGone
				default:
					p.Kind, p.Detail = c.explainLayout()
				}
			}
		}
		c.Parts = append(c.Parts, p)
	}
	c.Parts = append(c.Parts, extras(message.Layout, theirs)...)
}

// idleParameters are what some programs write behind the type of a text and no program knows. MIME
// software that makes a mail of one part anew leaves them out.
var idleParameters = []string{"encoding=utf-8", "encoding=UTF-8", "encoding=utf8", "encoding=UTF8"}

// isParameterGone reports whether a body that is one text was recorded with one of them, and is the
// same else.
func isParameterGone(r *recorded, a *arrival) bool {
	const text = "0 text/plain"
	return string(a.Content()) == text+"\n" && slices.ContainsFunc(idleParameters, func(p string) bool {
		return r.isContent([]byte(text+";"+p+"\n"), nil)
	})
}

// wrappers are the containers that relays put around the author's parts, or take away when one
// part is left in them.
var wrappers = []string{"multipart/mixed", "multipart/alternative", "multipart/related", "multipart/report;report-type=delivery-status"}

// explainLayout finds which leaves were there when the message was recorded. Those have to stand in
// their order, in the containers that they stood in but for wrappers around all or around one.
func (c *comparer) explainLayout() (kind, detail string) {
	recorded := c.origin.count(message.HintLayout)
	if recorded == 0 {
		return "", ""
	}
	next, kept, bodies := 0, 0, 0 // next: the least number that the next leaf may have had
	moved := false                // out of a container, or into one
	held := map[int]int{}         // by the container that a wrapper was taken out of, what that held
	leaves := c.d.Body().Leaves
	for i := range leaves {
		leaf := &leaves[i]
		if at, was := c.leafStood(leaf, next, recorded); at >= 0 {
			next = at + 1
			kept++
			moved = moved || !slices.Equal(was.path, leaf.Path)
			for _, place := range was.unwrapped {
				around, one := 0, -i-1 // the leaf itself, or the container in which it is
				if place > 0 {
					around = leaf.In[place-1]
				}
				if place < len(leaf.In) {
					one = leaf.In[place]
				}
				if other, ok := held[around]; ok && other != one {
					return "", ""
				}
				held[around] = one
			}
			continue
		}
		bare := *leaf
		bare.Line = message.LayoutHeadless + leaf.Line
		if at, _ := c.leafStood(&bare, next, recorded); at >= 0 {
			return Ambiguous, "a part that was recorded without a header has one"
		}
		if !isBeside(leaf) {
			return "", ""
		}
		bodies++
	}
	language := c.outcome(message.Language)
	switch {
	case kept == 0, language == Changed:
		return "", ""
	case kept == recorded && bodies > 0:
		return PartsAdded, ""
	case kept < recorded && bodies > 0:
		return PartsReplaced, ""
	case kept < recorded:
		return PartsRemoved, ""
	case !moved && language != Same:
		return OtherLanguage, ""
	}
	return Rewrapped, ""
}

// isBeside reports whether a part that was added stands beside the author's message: a body
// directly in the outermost multipart/mixed, be it his or put around, or one that is all there is.
// Of any other container programs show one part instead of another, or take it for something else
// as a whole.
func isBeside(leaf *message.Leaf) bool {
	return leaf.Type != message.Attachment && len(leaf.Path) <= 1 && allMixed(leaf.Path) && undescribed(leaf)
}

// allMixed reports whether all containers in path are multipart/mixed, whatever else is said of
// them.
func allMixed(path []string) bool {
	return !slices.ContainsFunc(path, func(container string) bool {
		kind, _, _ := strings.Cut(container, message.LayoutField)
		kind, _, _ = strings.Cut(kind, ";")
		return kind != wrappers[0]
	})
}

// sameLeaves reports whether all parts were there when the message was recorded, and no others.
func (c *comparer) sameLeaves() bool {
	return slices.ContainsFunc(c.Parts, func(p Part) bool {
		return p.Type == message.Layout && p.Index == 0 && (p.Outcome == Same || p.Kind == Rewrapped)
	})
}

// outcome is that of the component of a type of which there is one; Same if there is none on either
// side.
func (c *comparer) outcome(t message.Type) Outcome {
	for _, p := range c.Parts {
		if p.Type == t {
			return p.Outcome
		}
	}
	return Same
}

// stood is where a leaf may have stood that stands elsewhere now.
type stood struct {
	path      []string // lines of the containers around it
	unwrapped []int    // the places in its path now, at each of which a wrapper was taken away
}

// leafStood returns the number of a leaf when the message was recorded with the first so many
// leaves hinted at, from next on, and where it stood; -1 if it was not there.
func (c *comparer) leafStood(leaf *message.Leaf, next, recorded int) (number int, was stood) {
	if next >= recorded {
		return -1, was
	}
	for _, was := range placesBefore(leaf.Path) {
		for number := next; number < recorded; number++ {
			switch is, enough := c.hintedLeaf(number, was.path, leaf.Line); {
			case !enough:
				return -1, was
			case is:
				return number, was
			}
		}
	}
	return -1, was
}

// placesBefore lists where a leaf may have stood that stands in path now: in the same containers,
// without a wrapper around all, and with wrappers that held nothing else any more.
func placesBefore(path []string) []stood {
	places := []stood{{path: path}}
	if isAround(path) {
		places = append(places, stood{path: path[1:]})
	}
	for n, p := range places[:len(places):len(places)] {
		n = min(n, 1) // places that the wrapper around all takes
		if len(p.path) > 3 {
			continue
		}
		for at := range len(p.path) + 1 {
			for _, one := range withWrapper(p, at, at+n) {
				places = append(places, one)
				for below := at + 1; below < len(one.path)+1; below++ { // in that wrapper, or further in
					places = append(places, withWrapper(one, below, below-1+n)...)
				}
			}
		}
	}
	return places
}

// isAround reports whether the outermost container is one that relays put around all. List software
// leaves the language of the message there.
func isAround(path []string) bool {
	if len(path) == 0 {
		return false
	}
	kind, field, found := strings.Cut(path[0], message.LayoutField)
	return kind == wrappers[0] && (!found || strings.HasPrefix(field, "content-language: ") && !strings.Contains(field, message.LayoutField))
}

// withWrapper puts each wrapper into a path at a place that is now another.
func withWrapper(p stood, at, now int) []stood {
	var places []stood
	for _, wrapper := range wrappers {
		places = append(places, stood{slices.Insert(slices.Clone(p.path), at, wrapper), append(slices.Clone(p.unwrapped), now)})
	}
	return places
}
