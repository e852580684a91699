package message

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"cairn/mailstore/message/grammar"
)

// readAddresses makes the components of an address field that is inside the grammar, its names at
// least as octets: its addresses, and the names and groups around them.
func (d *Dissection) readAddresses(c *Component, f *grammar.Field) bool {
	items, ok := grammar.Addresses(f.Value)
	if !ok {
		if items, ok = grammar.BareAddresses(f.Value); !ok {
			return false
		}
		d.add(Component{Type: Names, Index: uint16(c.Type), Reading: AsOctets, Content: withFold([]byte(f.Folded), f)})
		c.Content = []byte(strings.Join(sortedSpecs(items), "\n"))
		return true
	}
	if c.Type == To || c.Type == Cc {
		d.readMailboxes(c.Type, items)
	}
	specs := sortedSpecs(items)
	c.Content = []byte(strings.Join(specs, "\n"))
	names := withFold([]byte(namesContent(items, specs)), f)
	d.add(Component{Type: Names, Index: uint16(c.Type), Reading: Canonical, Content: names})
	return true
}

// readMailboxes notes the mailboxes of a field, so that those which were taken away can be told
// from those which were added.
func (d *Dissection) readMailboxes(t Type, items []grammar.Item) {
	for _, item := range items {
		if item.Addr != "" {
			d.mailboxes = append(d.mailboxes, Mailbox{Field: t, Addr: item.Addr, Name: item.Name, Comment: item.Comment})
		}
	}
	if len(items) <= maxAddressHints {
		for _, m := range d.mailboxes {
			if m.Field == t {
				d.mailboxHints = append(d.mailboxHints, m.Hint())
			}
		}
	}
}

func sortedSpecs(items []grammar.Item) []string {
	var specs []string
	for _, item := range items {
		if item.Addr != "" {
			specs = append(specs, item.Addr)
		}
	}
	slices.Sort(specs)
	return slices.Compact(specs)
}

// Mapped returns the components of the address fields as they were before relays rewrote addresses,
// original being what an address that arrives was. Fields whose addresses cannot be told are not
// among them.
func (d *Dissection) Mapped(original func(string) string) []Component {
	var list []Component
	var count [References + 1]int
	for _, f := range d.section.Fields {
		count[ownFields[f.Name]]++
	}
	for _, f := range d.section.Fields {
		t := ownFields[f.Name]
		if t < From || t > ReplyTo || count[t] != 1 {
			continue
		}
		items, ok := grammar.Addresses(f.Value)
		names := Component{Type: Names, Index: uint16(t), Reading: Canonical}
		if !ok {
			if items, ok = grammar.BareAddresses(f.Value); !ok {
				continue
			}
			names.Reading, names.Content = AsOctets, []byte(mapText(f.Folded, items, original))
		}
		for i := range items {
			if items[i].Addr != "" {
				items[i].Addr = original(items[i].Addr)
			}
		}
		specs := sortedSpecs(items)
		list = append(list, Component{Type: t, Reading: Canonical, Content: []byte(strings.Join(specs, "\n"))})
		if names.Reading == Canonical {
			names.Content = []byte(namesContent(items, specs))
			if f.QuoteFolded { // where the record was, or on the way
				list = append(list, Component{Type: Names, Index: uint16(t), Reading: Canonical, Content: withFold(slices.Clone(names.Content), &f)})
			}
		}
		if len(names.Content) > 0 {
			list = append(list, names)
		}
		if names.Reading == AsOctets { // who rewrites an address takes blanks beside it away
			names.Content = bytes.ReplaceAll(names.Content, []byte(">"), []byte(" >"))
			list = append(list, names)
		}
	}
	return list
}

// mapText is a value with its addresses, which are in the order of items, as they were.
func mapText(value string, items []grammar.Item, original func(string) string) string {
	var b strings.Builder
	for _, item := range items {
		if item.Addr == "" {
			continue
		}
		before, after, ok := strings.Cut(value, item.Addr)
		if !ok {
			continue
		}
		b.WriteString(before)
		b.WriteString(original(item.Addr))
		value = after
	}
	b.WriteString(value)
	return b.String()
}

// QuoteFolded is the last line of names of which one is folded inside of its quotes.
const QuoteFolded = "folded\n"

func withFold(names []byte, f *grammar.Field) []byte {
	if f.QuoteFolded {
		return append(names, QuoteFolded...)
	}
	return names
}

// namesContent says what stands around the addresses of a field and in which order these are: a
// line for each mailbox with its number among the sorted addresses, its name and its comment, and
// one for each begin and end of a group. It is empty where there is nothing to say.
func namesContent(items []grammar.Item, specs []string) string {
	var b strings.Builder
	plain := len(items) == len(specs)
	for i, item := range items {
		switch {
		case item.Begin:
			b.WriteString("group\t" + item.Group + "\n")
		case item.End:
			b.WriteString("end\n")
		default:
			rank, _ := slices.BinarySearch(specs, item.Addr)
			plain = plain && rank == i && item.Name == "" && item.Comment == ""
			b.WriteString(strconv.Itoa(rank) + "\t" + item.Name + "\t" + item.Comment + "\n")
			continue
		}
		plain = false
	}
	if plain {
		return ""
	}
	return b.String()
}
