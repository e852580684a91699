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
		d.noteGroups(c.Type, items)
		d.add(Component{Type: Names, Index: uint16(c.Type), Reading: AsOctets, content: withFold([]byte(f.Folded), f)})
		c.content = []byte(strings.Join(sortedSpecs(items), "\n"))
		return true
	}
	d.noteGroups(c.Type, items)
	if c.Type == To || c.Type == Cc {
		d.readMailboxes(c.Type, items)
	}
	specs := sortedSpecs(items)
	c.content = []byte(strings.Join(specs, "\n"))
	names := withFold([]byte(namesContent(items, specs)), f)
	d.add(Component{Type: Names, Index: uint16(c.Type), Reading: Canonical, content: names})
	return true
}

func (d *Dissection) noteGroups(t Type, items []grammar.Item) {
	d.grouped[t] = slices.ContainsFunc(items, func(item grammar.Item) bool { return item.Begin })
}

// Grouped reports whether an address field has groups, as far as it can be read. Programs show
// their names, which may say anything: the record has no hints of them, nor of who is in which.
func (d *Dissection) Grouped(t Type) bool { return d.grouped[t] }

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
				if left, ok := cutAtDot(m.Addr); ok {
					d.mailboxHints = append(d.mailboxHints, CutHint(t, left))
				}
			}
		}
	}
}

// Hint is the hint for a mailbox.
func (m *Mailbox) Hint() Hint {
	return Hint{HintLabel(m.Field), []byte(m.Addr + "\t" + m.Name + "\t" + m.Comment)}
}

// HintLabel is the label of the mailboxes of a field, To or Cc.
func HintLabel(t Type) string {
	if t == Cc {
		return HintCc
	}
	return HintTo
}

// CutHint is the hint for an address of which relays may leave so much.
func CutHint(t Type, left string) Hint {
	return Hint{HintCut, []byte(HintLabel(t) + "\t" + left)}
}

// cutAtDot is what relays leave of an address whose domain they cut at its first dot, if it reaches
// nobody: at a host that is no top-level domain, as these are letters or begin with "xn--" (RFC
// 3696, section 2), and no number, which many programs take for an address of IPv4, as inet_aton(3)
// does.
func cutAtDot(addr string) (left string, ok bool) {
	const digits = "0123456789"
	at := strings.LastIndexByte(addr, '@') + 1
	left, _, dotted := strings.Cut(addr[at:], ".")
	return addr[:at] + left, dotted && !strings.HasPrefix(left, "xn--") &&
		strings.ContainsAny(left, digits) && strings.Trim(left, digits) != "" && !strings.HasPrefix(left, "0x")
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
			names.Reading, names.content = AsOctets, []byte(mapText(f.Folded, items, original))
		}
		for i := range items {
			if items[i].Addr != "" {
				items[i].Addr = original(items[i].Addr)
			}
		}
		specs := sortedSpecs(items)
		list = append(list, Component{Type: t, Reading: Canonical, content: []byte(strings.Join(specs, "\n"))})
		if names.Reading == Canonical {
			names.content = []byte(namesContent(items, specs))
			if f.QuoteFolded { // where the record was, or on the way
				list = append(list, Component{Type: Names, Index: uint16(t), Reading: Canonical, content: withFold(slices.Clone(names.content), &f)})
			}
		}
		if names.Size() > 0 {
			list = append(list, names)
		}
		if names.Reading == AsOctets { // who rewrites an address takes blanks beside it away
			names.content = bytes.ReplaceAll(names.content, []byte(">"), []byte(" >"))
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
