package message

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
)

// ComponentsV1 returns the components of a message for a record of version 1 in the order of type
// and index, at most maxComponentsV1. recipients are the envelope recipients that the record or
// delivery is for; each is a component of its own, sorted by its canonical address, and only the
// first MaxRecipients count.
//
// It never fails. A component is there only if its content is not empty (attachments excepted). Of
// a type with more parts than the registry's Max, the last component holds the SHA-256 hashes of
// the contents from there on.
func ComponentsV1(raw []byte, recipients []string) []Component {
	e := readMessage(raw)
	set := componentsOf(e, 0)
	way := readTrace(e.header)
	set.add(Route, []byte(way.route))
	set.add(OriginatingAddress, []byte(way.origin))
	set.add(SMTPVersion, []byte(way.version))
	for _, address := range recipientSet(recipients) {
		set.add(Recipient, []byte(address))
	}
	return set.list()
}

// recipientSet gives envelope recipients their canonical form. Other than in
// the header, where an address is text that somebody wrote, case does not
// count: gateways and relays do not keep it, and no two mailboxes differ by it.
func recipientSet(recipients []string) []string {
	set := make([]string, 0, len(recipients))
	for _, recipient := range recipients {
		if address := CanonicalAddress(recipient); address != "" {
			set = append(set, strings.ToLower(address))
		}
	}
	slices.Sort(set)
	set = slices.Compact(set)
	return set[:min(len(set), MaxRecipients)]
}

// componentSet gathers contents by type.
type componentSet struct {
	contents map[Type][][]byte
	footer   bool     // the last text is one
	names    []string // of the attachments, empty where there is none
}

// add takes a content unless it is empty.
func (s *componentSet) add(t Type, content []byte) {
	if len(content) > 0 {
		s.contents[t] = append(s.contents[t], content)
	}
}

// list numbers the contents and folds what is beyond each type's Max.
func (s *componentSet) list() []Component {
	var list []Component
	for _, row := range registry {
		if row.Type == AttachmentName {
			list = append(list, s.nameList(row.Max)...)
			continue
		}
		contents := s.contents[row.Type]
		for i := 0; i < len(contents) && i < row.Max; i++ {
			content := contents[i]
			if i == row.Max-1 && len(contents) > row.Max {
				content = fold(contents[i:])
			}
			list = append(list, Component{
				Type: row.Type, Index: uint16(i), content: content,
				Footer: row.Type == Text && s.footer && i == len(contents)-1,
			})
		}
	}
	return list
}

// nameList gives each name the number of its attachment. Beyond the limit each attachment has a
// line.
func (s *componentSet) nameList(limit int) []Component {
	contents := slices.Clone(s.names)
	if len(contents) > limit {
		beyond := contents[limit-1:]
		contents[limit-1] = ""
		if slices.ContainsFunc(beyond, func(name string) bool { return name != "" }) {
			contents[limit-1] = strings.Join(beyond, "\n")
		}
		contents = contents[:limit]
	}
	var list []Component
	for i, content := range contents {
		if content != "" {
			list = append(list, Component{Type: AttachmentName, Index: uint16(i), content: []byte(content)})
		}
	}
	return list
}

func fold(contents [][]byte) []byte {
	var hashes []byte
	for _, content := range contents {
		hash := sha256.Sum256(content)
		hashes = append(hashes, hash[:]...)
	}
	return hashes
}

// componentsOf returns the components of an entity's header and parts, without trace and envelope.
func componentsOf(e entity, depth int) *componentSet {
	set := &componentSet{contents: make(map[Type][][]byte, 16)}
	addHeader(set, e.header)
	t := readTree(e, depth)
	set.add(Structure, []byte(strings.Join(t.odd, "\n")))
	for _, p := range t.leaves {
		switch p.role {
		case Attachment:
			set.contents[Attachment] = append(set.contents[Attachment], p.canonical())
			set.names = append(set.names, p.label())
		default:
			text := p.text()
			set.add(p.role, text)
			set.footer = p.footer && len(text) > 0
			if block := signatureBlock(text); p.role == Text && len(block) > 0 {
				set.contents[SignatureBlock] = [][]byte{block}
			}
		}
	}
	return set
}

func addHeader(set *componentSet, h header) {
	from := parseAddresses(h.values("From"))
	set.add(From, []byte(addressSet(from)))
	set.add(FromName, []byte(addressNames(from)))
	set.add(Sender, []byte(addressSet(parseAddresses(h.values("Sender")))))
	set.add(To, []byte(addressSet(parseAddresses(h.values("To")))))
	set.add(Cc, []byte(addressSet(parseAddresses(h.values("Cc")))))
	set.add(ReplyTo, []byte(addressSet(parseAddresses(h.values("Reply-To")))))
	set.add(Date, []byte(canonicalDate(h.values("Date"))))
	set.add(Subject, []byte(phrases(h.values("Subject"))))
	set.add(MessageID, []byte(strings.Join(messageIDs(h.values("Message-Id")), " ")))
	set.add(InReplyTo, []byte(strings.Join(messageIDs(h.values("In-Reply-To")), " ")))
	set.add(References, []byte(strings.Join(messageIDs(h.values("References")), " ")))
	set.add(Language, []byte(strings.ToLower(phrases(h.values("Content-Language")))))
}

// phrases joins the values of a field that should be there once: mail programs differ in which of
// several they show, so all of them count.
func phrases(values []string) string {
	var all []string
	for _, value := range values {
		if p := phrase(value); p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, "\n")
}

// canonicalDate is the date's unix seconds; what is no date stays as its text.
func canonicalDate(values []string) string {
	var all []string
	for _, value := range values {
		if t, ok := parseDate(value); ok {
			all = append(all, strconv.FormatInt(t.Unix(), 10))
		} else if p := phrase(value); p != "" {
			all = append(all, "unreadable: "+p)
		}
	}
	return strings.Join(all, "\n")
}

// messageIDs returns the ids "<left@right>" in their order; a value without any counts as its text.
func messageIDs(values []string) []string {
	var ids []string
	for _, value := range values {
		value = string(decodeCharset("", []byte(value)))
		rest, found := value, false
		for {
			_, after, open := strings.Cut(rest, "<")
			id, tail, closed := strings.Cut(after, ">")
			if !open || !closed {
				break
			}
			ids, found, rest = append(ids, "<"+strings.Join(strings.Fields(id), "")+">"), true, tail
		}
		if p := collapse(value); !found && p != "" {
			ids = append(ids, p)
		}
	}
	return ids
}
