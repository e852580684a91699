package message

import (
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
	d.add(Component{Type: Language, Reading: Canonical, content: []byte(strings.ToLower(phrases(d.section.Values("content-language"))))})
	d.add(Component{Type: MIME, Reading: Canonical, content: []byte(packagingLines(packaging))})
	d.fields = namedFields(others)
	for _, f := range d.fields[:min(len(d.fields), maxFieldHints)] {
		d.hints = append(d.hints, Hint{HintField + f.Name, []byte(f.Lines)})
	}
	d.add(Component{Type: Fields, Reading: Canonical, content: FieldsContent(d.fields)})
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
			c.content, ok = dateContent(when, wrong), fine
		case Subject:
			words, fine := grammar.Words(value)
			c.content, ok = []byte(words), fine
		default:
			ids, fine := grammar.IDs(value)
			c.content, ok = []byte(strings.Join(ids, " ")), fine && (t == References || t == InReplyTo || len(ids) == 1)
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
		c.Reading, c.content = AsOctets, []byte(strings.Join(values, "\n"))
		if len(strings.TrimSpace(string(c.content))) == 0 {
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

// DecodedNames returns what the component Names of a field would be if the UTF-8 that stands raw in
// it were in encoded words, as before a relay decoded these, and parentheses in quotes had no
// backslash; nil if there is none, or still no telling.
func (d *Dissection) DecodedNames(t Type) []byte {
	const begin, end = "zq", "qz" // around each character, for the grammar
	for _, f := range d.section.Fields {
		if ownFields[f.Name] != t {
			continue
		}
		value := strings.NewReplacer(`\(`, "(", `\)`, ")").Replace(f.Value)
		if isASCII([]byte(value)) && value == f.Value || !utf8.ValidString(value) || strings.Contains(value, begin) {
			return nil
		}
		var ascii strings.Builder
		back := []string{}
		for _, r := range value {
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
