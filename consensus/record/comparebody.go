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
				if r.index == 0 && a.Reading == message.Canonical {
					p.Kind, p.Detail = c.explainLayout()
				}
			}
		}
		c.Parts = append(c.Parts, p)
	}
	c.Parts = append(c.Parts, extras(message.Layout, theirs)...)
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
	alone := 0                    // leaves that are alternatives no longer
	for _, leaf := range c.d.Body().Leaves {
		if at, path := c.leafStood(&leaf, next, recorded); at >= 0 {
			next = at + 1
			kept++
			if isAlternative(path) && !isAlternative(leaf.Path) {
				alone++
			}
			continue
		}
		if leaf.Type == message.Attachment {
			return "", ""
		}
		bodies++
	}
	switch {
	case kept == 0, alone > 1: // where one was shown, both are
		return "", ""
	case kept == recorded && bodies > 0:
		return PartsAdded, ""
	case kept < recorded && bodies > 0:
		return PartsReplaced, ""
	case kept < recorded:
		return PartsRemoved, ""
	}
	return Rewrapped, ""
}

// alternatives holds that a form of the body counts as removed beside its other form only if the two
// were alternatives: of two parts that follow each other each says its own.
func (c *comparer) alternatives() {
	was := !slices.ContainsFunc(c.Parts, func(p Part) bool { return p.Kind == AlternativeRemoved })
	for _, leaf := range c.d.Body().Leaves {
		if was {
			return
		}
		if leaf.Type == message.Text || leaf.Type == message.HTML {
			_, path := c.leafStood(&leaf, 0, c.origin.count(message.HintLayout))
			was = isAlternative(path)
		}
	}
	for i := range c.Parts {
		if p := &c.Parts[i]; p.Kind == AlternativeRemoved && !was {
			p.Kind = Removed
		}
	}
}

// isAlternative reports whether a container in path shows one of its parts only.
func isAlternative(path []string) bool {
	return slices.ContainsFunc(path, func(container string) bool { return strings.HasPrefix(container, "multipart/alternative") })
}

// leafStood returns the number of a leaf when the message was recorded with the first so many leaves
// hinted at, from next on, and the containers in which it stood; -1 if it was not there.
func (c *comparer) leafStood(leaf *message.Leaf, next, recorded int) (number int, path []string) {
	if next >= recorded {
		return -1, nil
	}
	for _, path := range pathsBefore(leaf.Path) {
		for number := next; number < recorded; number++ {
			if !c.origin.budget.spend(tagWork) {
				return -1, nil
			}
			c.origin.budget.tried()
			if c.origin.has(message.HintLayout, message.LayoutHint(number, path, leaf.Line)) {
				return number, path
			}
		}
	}
	return -1, nil
}

// pathsBefore lists the containers in which a leaf may have stood that stands in path now: the
// same, without a wrapper around all, and with wrappers that held nothing else any more.
func pathsBefore(path []string) [][]string {
	paths := [][]string{path}
	if len(path) > 0 && path[0] == wrappers[0] {
		paths = append(paths, path[1:])
	}
	for _, p := range paths[:len(paths):len(paths)] {
		if len(p) > 3 {
			continue
		}
		for _, one := range withWrapper(p) {
			paths = append(paths, one)
			paths = append(paths, withWrapper(one)...)
		}
	}
	return paths
}

func withWrapper(path []string) [][]string {
	var paths [][]string
	for at := range len(path) + 1 {
		for _, wrapper := range wrappers {
			paths = append(paths, slices.Insert(slices.Clone(path), at, wrapper))
		}
	}
	return paths
}

// banners takes configured banners of the recipient's own gateway off bodies in which the recorded
// ones are then found.
func (c *comparer) banners(t message.Type, ours []*recorded, theirs []*arrival) {
	if len(c.with.Banners) == 0 || t != message.Text && t != message.HTML && t != message.Attachment {
		return
	}
	for _, a := range theirs {
		for _, banner := range c.with.Banners {
			for _, r := range ours {
				if a.Reading == message.Canonical && !r.budget.none() && !r.holds(a) && withoutBanner(r, a, banner) {
					a.banner = banner
				}
			}
		}
	}
}

// withoutBanner reports whether what is left of a is what was recorded, and keeps only that.
func withoutBanner(r *recorded, a *arrival, banner string) bool {
	if !r.budget.spend(4 * len(a.Content)) { // what it costs to cut
		return false
	}
	before, after, found := strings.Cut(string(a.Content), banner)
	if !found {
		return false
	}
	for _, left := range []string{
		before + after, strings.TrimLeft(before+after, "\n"), before + strings.TrimLeft(after, "\n"),
		strings.TrimRight(before, "\n") + after,
	} {
		left := strings.TrimRight(left, " \t\n")
		without := *a
		without.Content = []byte(left)
		lines, unlabelled := r.unlabelled(&without)
		if r.isContent([]byte(left), a.labels()) || unlabelled && lines == 0 {
			a.Content = without.Content
			a.digest = a.Digest()
			return true
		}
	}
	return false
}
