package record

import (
	"slices"
	"strings"

	"cairn/mailstore/message"
)

// alternatives holds that a form of the body counts as removed beside its other form only if the
// two were alternatives: of two parts that follow each other, or one in an alternative, each says
// its own.
func (c *comparer) alternatives() {
	proven := true
	for _, t := range []message.Type{message.Text, message.HTML} {
		gone := 0
		for _, p := range c.Parts {
			if p.Type == t && p.Kind == AlternativeRemoved {
				gone++
			}
		}
		if gone > 0 && c.formsGone(t) < gone { // a body that is as sent is not taken apart for that
			proven = false
			c.removedForms(t)
		}
	}
	if !proven {
		c.removedForms(message.SignatureBlock)
	}
}

// removedForms says of the parts of a type that no other form of them is there.
func (c *comparer) removedForms(t message.Type) {
	for i := range c.Parts {
		if p := &c.Parts[i]; p.Type == t && p.Kind == AlternativeRemoved {
			p.Kind = Removed
		}
	}
}

// alternativeIn is the place in path of the outermost multipart/alternative, which shows one of its
// parts only; -1 if there is none.
func alternativeIn(path []string) int {
	return slices.IndexFunc(path, func(container string) bool { return strings.HasPrefix(container, "multipart/alternative") })
}

// placed is a leaf that was there when the message was recorded.
type placed struct {
	*message.Leaf
	number int
	path   []string // lines of the containers around it then
}

// placed lists the leaves that were there when the message was recorded.
func (c *comparer) placed() (list []placed) {
	next, recorded := 0, c.origin.count(message.HintLayout)
	leaves := c.d.Body().Leaves
	for i := range leaves {
		if number, was := c.leafStood(&leaves[i], next, recorded); number >= 0 {
			next = number + 1
			list = append(list, placed{&leaves[i], number, was.path})
		}
	}
	return list
}

// formsGone counts the leaves of a type, Text or HTML, that were alternatives to leaves of the
// other form that are there, and are gone or empty now.
func (c *comparer) formsGone(t message.Type) (gone int) {
	leaves := c.placed()
	for _, other := range leaves {
		if other.Type != t && other.Type != message.Attachment && c.formGone(t, other, leaves) {
			gone++
		}
	}
	return gone
}

// formGone reports whether the other form of a leaf stood in the same alternative. An alternative
// around all held whatever is gone; of an inner one the recorded hint of that form is looked for,
// with the lines that its parts commonly have.
func (c *comparer) formGone(t message.Type, other placed, leaves []placed) bool {
	at := alternativeIn(other.path)
	if at <= 0 {
		return at == 0
	}
	inside := func(p placed) bool {
		return len(p.path) > at && slices.Equal(p.path[:at+1], other.path[:at+1])
	}
	paths := [][]string{other.path[:at+1]}
	for _, related := range []string{"multipart/related", "multipart/related;type=text/html"} {
		paths = append(paths, append(slices.Clone(other.path[:at+1]), related))
	}
	for _, p := range leaves {
		if inside(p) && !slices.ContainsFunc(paths, func(path []string) bool { return slices.Equal(path, p.path) }) {
			paths = append(paths, p.path)
		}
	}
	lines := formLines(t, other.Line)
	for number := range c.origin.count(message.HintLayout) {
		between := func(p placed) bool {
			return min(number, other.number) < p.number && p.number < max(number, other.number)
		}
		if slices.ContainsFunc(leaves, func(p placed) bool { return between(p) && !inside(p) }) {
			continue // another alternative
		}
		if i := slices.IndexFunc(leaves, func(p placed) bool { return p.number == number }); i >= 0 {
			if p := leaves[i]; p.Type == t && inside(p) && p.Reading == message.Canonical && len(p.Text) == 0 {
				return true
			}
			continue
		}
		if c.leafHinted(number, paths, lines) {
			return true
		}
	}
	return false
}

// leafHinted reports whether a recorded leaf of that number stood in one of paths with one of
// lines.
func (c *comparer) leafHinted(number int, paths [][]string, lines []string) bool {
	for _, path := range paths {
		for _, line := range lines {
			if was, enough := c.hintedLeaf(number, path, line); was || !enough {
				return was
			}
		}
	}
	return false
}

// hintedLeaf reports whether a recorded leaf of that number stood in path with that line; not
// enough: nothing more can be looked up.
func (c *comparer) hintedLeaf(number int, path []string, line string) (was, enough bool) {
	hint := message.LayoutHint(number, path, line)
	if !c.origin.budget.spend(tagWork + 2*len(hint)) {
		return false, false
	}
	c.origin.budget.tried()
	return c.origin.has(message.HintLayout, hint), true
}

// formLines are what the layout commonly says of a form of the body whose other form has that line.
func formLines(t message.Type, other string) (lines []string) {
	kind, otherKind := "text/plain", "text/html"
	params := []string{"", ";format=flowed", ";delsp=yes;format=flowed", ";delsp=no;format=flowed", ";format=fixed"}
	if t == message.HTML {
		kind, otherKind, params = otherKind, kind, params[:1]
	}
	_, fields, found := strings.Cut(other, message.LayoutField)
	if found {
		fields = message.LayoutField + fields
	}
	for _, p := range params {
		for _, f := range []string{"", message.LayoutField + "content-disposition: inline", fields} {
			lines = append(lines, kind+p+f)
		}
	}
	lines = append(lines, message.LayoutHeadless+kind, strings.Replace(other, otherKind, kind, 1))
	slices.Sort(lines)
	return slices.Compact(lines)
}
