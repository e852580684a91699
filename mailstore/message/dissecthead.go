package message

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

// readHeader makes the components of the header's fields.
func (d *Dissection) readHeader() {
	var own [References + 1][]grammar.Field
	var packaging, others []grammar.Field
	for _, f := range d.section.Fields {
		switch classOf(f.Name) {
		case fieldOwn:
			t := ownFields[f.Name]
			own[t] = append(own[t], f)
		case fieldPackage:
			packaging = append(packaging, f)
		case fieldRecorded:
			others = append(others, f)
		}
	}
	for t, fields := range own {
		if len(fields) > 0 {
			d.readField(Type(t), fields)
		}
	}
	d.add(Component{Type: Language, Reading: Canonical, Content: []byte(strings.ToLower(phrases(d.section.Values("content-language"))))})
	d.add(Component{Type: MIME, Reading: Canonical, Content: []byte(packagingLines(packaging))})
	d.fields = namedFields(others)
	for _, f := range d.fields[:min(len(d.fields), maxFieldHints)] {
		d.hints = append(d.hints, Hint{HintField + f.Name, []byte(f.Lines)})
	}
	d.add(Component{Type: Fields, Reading: Canonical, Content: FieldsContent(d.fields)})
}

// readField makes the component of a field that has one of its own, from all that there are.
func (d *Dissection) readField(t Type, fields []grammar.Field) {
	c := Component{Type: t, Reading: Canonical}
	ok := len(fields) == 1
	if ok {
		switch value := fields[0].Value; t {
		case From, Sender, To, Cc, ReplyTo:
			ok = d.readAddresses(&c, &fields[0])
		case Date:
			when, wrong, fine := grammar.Date(value)
			c.Content, ok = dateContent(when, wrong), fine
		case Subject:
			words, fine := grammar.Words(value)
			c.Content, ok = []byte(words), fine
		default:
			ids, fine := grammar.IDs(value)
			c.Content, ok = []byte(strings.Join(ids, " ")), fine && (t == References || t == InReplyTo || len(ids) == 1)
		}
		if !ok {
			d.hintOctets(t, fields[0].Value)
		}
	}
	if !ok {
		var values []string
		for _, f := range fields {
			values = append(values, f.Folded)
		}
		c.Reading, c.Content = AsOctets, []byte(strings.Join(values, "\n"))
		if len(strings.TrimSpace(string(c.Content))) == 0 {
			return
		}
	}
	d.add(c)
}

// Reread returns the components of a field that has one of its own as if it had that value and were
// folded where grammar.Fold is; nil if it is not there once.
func (d *Dissection) Reread(t Type, value string) []Component {
	name := t.String()
	if ownFields[name] != t || len(d.section.Values(name)) != 1 {
		return nil
	}
	var other Dissection
	other.readField(t, []grammar.Field{{Name: name, Value: strings.ReplaceAll(value, grammar.Fold, " "), Folded: value}})
	return other.head
}

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

// RawForms returns what an address field with one mailbox may have been before a relay encoded the
// 8-bit name in it, or decoded a word that some programs had put in quotes; nil if there is none.
func (d *Dissection) RawForms(t Type) [][]byte {
	for _, f := range d.section.Fields {
		if ownFields[f.Name] != t {
			continue
		}
		items, ok := grammar.Addresses(f.Value)
		if !ok || len(items) != 1 || isASCII([]byte(items[0].Name)) || items[0].Comment != "" {
			return nil
		}
		m := items[0].Mailbox
		forms := [][]byte{[]byte(m.Name + " <" + m.Addr + ">"), []byte(`"` + m.Name + `" <` + m.Addr + ">")}
		for _, label := range append(grammar.Labels(), "utf-8") {
			octets, ok := grammar.Encode(label, []byte(m.Name))
			if label == "utf-8" {
				octets, ok = []byte(m.Name), true
			}
			if !ok || len(octets) > 48 { // of one encoded word (RFC 2047, section 2)
				continue
			}
			word := "?B?" + base64.StdEncoding.EncodeToString(octets) + `?=" <` + m.Addr + ">"
			forms = append(forms, []byte(`"=?`+label+word), []byte(`"=?`+strings.ToUpper(label)+word))
		}
		return forms
	}
	return nil
}

// DecodedNames returns what the component Names of a field would be if the UTF-8 that stands raw in it
// were in encoded words, as before a relay decoded these; nil if there is none, or still no telling.
func (d *Dissection) DecodedNames(t Type) []byte {
	const begin, end = "zq", "qz" // around each character, for the grammar
	for _, f := range d.section.Fields {
		if ownFields[f.Name] != t {
			continue
		}
		if isASCII([]byte(f.Value)) || !utf8.ValidString(f.Value) || strings.Contains(f.Value, begin) {
			return nil
		}
		var ascii strings.Builder
		back := []string{}
		for _, r := range f.Value {
			if r < utf8.RuneSelf {
				ascii.WriteRune(r)
				continue
			}
			coded := begin + strconv.FormatInt(int64(r), 16) + end
			ascii.WriteString(coded)
			back = append(back, coded, string(r))
		}
		items, ok := grammar.Addresses(ascii.String())
		specs := sortedSpecs(items)
		if !ok || slices.ContainsFunc(specs, func(spec string) bool { return strings.Contains(spec, begin) }) {
			return nil
		}
		return grammar.Normal([]byte(strings.NewReplacer(back...).Replace(namesContent(items, specs))))
	}
	return nil
}

// namedFields gathers fields by name, ascending, the values of each in their order.
func namedFields(fields []grammar.Field) []NamedField {
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b grammar.Field) int { return strings.Compare(a.Name, b.Name) })
	var named []NamedField
	for len(fields) > 0 {
		var lines strings.Builder
		name, n := fields[0].Name, 0
		for n < len(fields) && fields[n].Name == name {
			lines.WriteString(formLine(name, valueForm(name), &fields[n]))
			n++
		}
		named, fields = append(named, NamedField{name, lines.String()}), fields[n:]
	}
	return named
}

// formLine is a line of a component that holds several fields: the name, ": ", 1 and the canonical
// value or 2 and the value as it stands there with its folds, LF.
func formLine(name string, canonical func(string) (string, bool), f *grammar.Field) string {
	if words, ok := canonical(f.Value); ok {
		return name + ": 1" + words + "\n"
	}
	return name + ": 2" + f.Folded + "\n"
}

// packagingLines is the content of MIME: its fields by name, in their order.
func packagingLines(fields []grammar.Field) string {
	slices.SortStableFunc(fields, func(a, b grammar.Field) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, f := range fields {
		form := packagingForm(f.Name)
		switch f.Name {
		case "content-transfer-encoding":
			f.Value = encodingValue(f)
			f.Folded = f.Value
		case "content-type", "content-disposition":
			if f.QuoteFolded { // some programs keep the line end, in a boundary or a file name too
				form = asItStands
			}
		}
		b.WriteString(formLine(f.Name, form, &f))
	}
	return b.String()
}

// asItStands is the form of a field that programs read in different ways.
func asItStands(string) (string, bool) { return "", false }

func packagingForm(name string) func(string) (string, bool) {
	switch name {
	case "content-type":
		return func(value string) (string, bool) {
			m, ok := grammar.MediaType(value)
			return mediaLine(&m), ok && !m.OddFile
		}
	case "content-disposition":
		return func(value string) (string, bool) {
			m, ok := grammar.Disposition(value)
			return mediaLine(&m), ok && !m.OddFile
		}
	case "content-transfer-encoding":
		return func(value string) (string, bool) {
			_, plain, ok := grammar.TransferEncoding(value)
			return strings.ToLower(value), plain && ok
		}
	}
	return valueForm(name)
}

// valueForm is the canonical form of other fields: encoded words are decoded in those that have
// words for people, but a keyword, an id or an address that is encoded is none to most programs.
func valueForm(name string) func(string) (string, bool) {
	if structured(name) {
		return func(value string) (string, bool) {
			words, ok := grammar.Words(value)
			return words, ok && words == value
		}
	}
	return grammar.Words
}

// mediaLine is a media type or disposition in one line: kind, ";name=value" for each parameter,
// ascending, and ";*=" with the file name.
func mediaLine(m *grammar.Media) string {
	var b strings.Builder
	b.WriteString(m.Kind)
	for _, p := range m.Params {
		b.WriteString(";" + p.Name + "=" + p.Value)
	}
	if m.Named {
		b.WriteString(";*=" + m.File)
	}
	return b.String()
}
