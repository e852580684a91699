package record

import (
	"regexp"
	"slices"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// flaws notes the ways in which the header section leaves the grammar. No message with one is as
// recorded, whatever else is.
func (c *comparer) flaws() {
	for _, flaw := range c.d.Flaws {
		p := Part{Type: message.Fields, Outcome: Changed, Kind: Malformed, Detail: string(flaw.Flaw)}
		if flaw.Field != "" {
			p.Detail += ", in " + flaw.Field
		}
		// A long line is cut or folded by some relays and shown alike by programs; what the
		// author's own program wrote so is no relay's doing. The hint is of the kind of flaw alone:
		// what a field says counts by that field, while a line in none, or what is beyond the
		// header's bound, has nothing that was recorded of it and may say anything.
		covered := flaw.Field != "" || flaw.Flaw == grammar.NoHeader // all is body then
		p.named = flaw.Flaw == grammar.LongLine || covered && c.origin.has(message.HintFlaw, []byte(flaw.Flaw))
		c.Parts = append(c.Parts, p)
	}
	for _, flaw := range grammar.Flaws() {
		mended := flaw != grammar.LongLine && c.origin.has(message.HintFlaw, []byte(flaw)) &&
			!slices.ContainsFunc(c.d.Flaws, func(f grammar.FoundFlaw) bool { return f.Flaw == flaw })
		if mended { // programs that stumbled over it read on now
			c.Parts = append(c.Parts, Part{
				Type: message.Fields, Outcome: Changed, Kind: Malformed, Detail: "recorded with " + string(flaw), named: true,
			})
		}
	}
}

// fields names what differs among the header fields that have no component of their own.
func (c *comparer) fields() {
	ours, theirs := c.origin.of(message.Fields), c.received(message.Fields)
	if len(ours) == 1 && len(theirs) == 1 && ours[0].is(theirs[0].digest) {
		c.Parts = append(c.Parts, Part{Type: message.Fields, Outcome: Same})
		return
	}
	var kept []message.NamedField
	altered := false
	for _, f := range c.d.Fields() {
		label := message.HintField + f.Name
		if len(ours) > 0 && c.origin.has(label, []byte(f.Lines)) { // tags without the commitment prove nothing
			kept = append(kept, f)
			continue
		}
		recorded, more, second := c.besideRecorded(label, &f)
		p := Part{Type: message.Fields, Outcome: Extra, Kind: Added, Detail: shorten([]byte(more.Value())), Field: f.Name}
		if p.Added, p.Cut = clip(more.Value()); message.ActedUpon(f.Name) {
			p.Detail = quote(message.Fields, p.Added)
		}
		if second {
			kept = append(kept, recorded)
		} else if before := c.mapText(&f); before != f.Lines && c.origin.has(label, []byte(before)) {
			kept = append(kept, message.NamedField{Name: f.Name, Lines: before})
			p.Outcome, p.Kind, p.Detail = Changed, Mapped, ""
		} else if recorded, ok := c.refoldedField(label, &f); ok {
			kept = append(kept, recorded)
			p.Outcome, p.Kind = Changed, Refolded
		} else if recorded, ok := c.encodedField(label, &f); ok {
			kept = append(kept, recorded)
			p.Outcome, p.Kind = Changed, Encoded
		} else if c.origin.hasLabel(label) {
			p.Outcome, p.Kind, altered = Changed, "", true
		}
		c.Parts = append(c.Parts, p)
	}
	if len(ours) == 0 {
		return
	}
	content := message.FieldsContent(kept)
	switch {
	case ours[0].is(message.DigestOf(message.Canonical, content, "")):
		c.Parts = append(c.Parts, Part{Type: message.Fields, Outcome: Same})
	case !altered:
		c.Parts = append(c.Parts, Part{Type: message.Fields, Outcome: Changed, Kind: FieldsRemoved, Detail: c.removedFields()})
	}
}

// maxValues is of how many values of one name the recorded ones are looked for.
const maxValues = 16

// besideRecorded takes the recorded values of a field off those that arrived, which stand together
// as they did: relays put theirs above or below. more is what is left, all of it if nothing was
// found, and without those that say once more what was recorded.
func (c *comparer) besideRecorded(label string, f *message.NamedField) (recorded, more message.NamedField, ok bool) {
	lines := slices.Collect(strings.Lines(f.Lines))
	if len(lines) < 2 || len(lines) > maxValues || !c.origin.hasLabel(label) || len(c.origin.of(message.Fields)) == 0 {
		return recorded, *f, false
	}
	for n := len(lines) - 1; n > 0; n-- {
		for from := range len(lines) - n + 1 {
			run := lines[from : from+n]
			recorded.Name, recorded.Lines = f.Name, strings.Join(run, "")
			if !c.origin.budget.spend(tagWork + len(recorded.Lines)) {
				return recorded, *f, false
			}
			if c.origin.budget.tried(); !c.origin.has(label, []byte(recorded.Lines)) {
				continue
			}
			others := slices.DeleteFunc(slices.Concat(lines[:from], lines[from+n:]), func(line string) bool { return slices.Contains(run, line) })
			return recorded, message.NamedField{Name: f.Name, Lines: strings.Join(others, "")}, true
		}
	}
	return recorded, *f, false
}

// removedFields names recorded fields that are not there any more, where their names are common
// ones.
func (c *comparer) removedFields() string {
	var names []string
	for _, name := range message.CommonFields() {
		there := slices.ContainsFunc(c.d.Fields(), func(f message.NamedField) bool { return f.Name == name })
		if !there && c.origin.hasLabel(message.HintField+name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// mapText undoes the configured map of addresses in the lines of a field.
func (c *comparer) mapText(f *message.NamedField) string {
	if len(c.with.Map) == 0 || len(f.Lines) > maxMapped {
		return f.Lines
	}
	head := len(f.Name) + len(": 1")
	var b strings.Builder
	for line := range strings.Lines(f.Lines) {
		head := min(head, len(line))
		b.WriteString(line[:head] + addrPattern.ReplaceAllStringFunc(line[head:], c.with.Map.Original))
	}
	return b.String()
}

const maxMapped = 8 << 10 // octets of a field in which addresses are looked for

var addrPattern = regexp.MustCompile(`[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]+@[A-Za-z0-9.-]*[A-Za-z0-9]`)
