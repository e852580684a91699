package message

import (
	"slices"
	"strconv"
	"strings"

	"cairn/mailstore/message/grammar"
)

// list numbers the contents, folds what is beyond each type's Max and adds the layout.
func (r *bodyReader) list(octets [32]byte, packaging []grammar.Field) {
	r.contents[AttachmentName] = r.names
	for _, t := range []Type{Text, HTML, SignatureBlock, Attachment, AttachmentName, AttachmentOctets} {
		row, _ := t.Info()
		for _, c := range foldComponents(t, r.contents[t], row.Max) {
			if c.Size() > 0 || t == Attachment {
				r.Components = append(r.Components, c)
			}
		}
	}
	layout := Component{Type: Layout, Reading: Canonical, content: []byte(r.version + r.top.layout(0))}
	if len(r.Odd) > 0 {
		layout.Reading, layout.content = AsOctets, append(octets[:], packagingLines(slices.Clone(packaging))...)
	}
	r.Components = append(r.Components, layout)
	if gaps := r.top.gaps(); len(gaps) > 0 {
		r.Components = append(r.Components, Component{Type: Layout, Index: 1, Reading: Canonical, content: []byte(strings.Join(gaps, "\n"))})
	}
}

// layout is the tree from n on, a line for each entity with its depth.
func (n *node) layout(depth int) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(depth) + " " + n.line + "\n")
	for _, part := range n.parts {
		b.WriteString(part.layout(depth + 1))
	}
	return b.String()
}

// Gaps reports whether any text stands before or behind the parts.
func (b *Body) Gaps() bool { return len(b.top.gaps()) > 0 }

// GapTexts are the texts before and behind the parts.
func (b *Body) GapTexts() []string { return b.top.gaps() }

// gapText is what stands before or behind parts, empty if that is white space alone.
func gapText(gap []byte) string { return string(canonicalLines(unixEnds(gap))) }

// gaps are what stands before and behind the parts of n and of what is in it, outer multiparts
// first; a line of two hyphens is before each that stands behind.
func (n *node) gaps() (list []string) {
	if n.preamble != "" {
		list = append(list, n.preamble)
	}
	if n.epilogue != "" {
		list = append(list, "--", n.epilogue)
	}
	for _, part := range n.parts {
		list = append(list, part.gaps()...)
	}
	return list
}

// foldComponents numbers contents of one type; beyond limit the last one holds the digests.
func foldComponents(t Type, list []Component, limit int) []Component {
	if len(list) > limit {
		var digests []byte
		for i := range list[limit-1:] {
			digest := list[limit-1+i].Digest()
			digests = append(digests, digest[:]...)
		}
		list = append(list[:limit-1:limit-1], Component{Type: t, Reading: Canonical, content: digests})
	}
	for i := range list {
		list[i].Type, list[i].Index = t, uint16(i)
	}
	return list
}
