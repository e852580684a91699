package readers

import (
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// imapPart is a leaf of a BODYSTRUCTURE.
type imapPart struct {
	mail     int    // among those asked for
	number   string // that the server gave it
	section  string
	kind     string // type/subtype
	charset  string
	name     string
	attached bool
}

// envelopeFields are the members of an ENVELOPE (RFC 9051, section 7.5.2). Sender and Reply-To are
// filled from From where they are missing.
var envelopeFields = []Field{"", Subject, From, Sender, ReplyTo, To, Cc}

func dovecotShown(fetched map[string]any) (Shown, []imapPart) {
	shown := Shown{From: {}, Sender: {}, To: {}, Cc: {}, ReplyTo: {}, Subject: {}, HTML: {},
		Attachments: {}}
	envelope, _ := fetched["ENVELOPE"].(imapList)
	for i, f := range envelopeFields {
		if f == "" || i >= len(envelope) {
			continue
		}
		if f == Subject {
			shown[f] = []string{clientWords(envelope[i])}
			continue
		}
		list, _ := envelope[i].(imapList)
		for _, entry := range list {
			a, _ := entry.(imapList)
			if len(a) != 4 {
				continue
			}
			shown[f] = append(shown[f], clientWords(a[0])+" <"+word(a[2])+"@"+word(a[3])+">")
		}
	}
	shown[Text] = []string{"Preview: " + word(fetched["PREVIEW"])}
	structure, _ := fetched["BODYSTRUCTURE"].(imapList)
	return shown, structureParts(structure, "")
}

// structureParts walks a BODYSTRUCTURE. A multipart begins with lists, a leaf with its type.
func structureParts(s imapList, prefix string) []imapPart {
	if len(s) == 0 {
		return nil
	}
	if _, multi := s[0].(imapList); multi {
		var all []imapPart
		for i, child := range s {
			list, ok := child.(imapList)
			if !ok {
				break
			}
			section := strconv.Itoa(i + 1)
			if prefix != "" {
				section = prefix + "." + section
			}
			all = append(all, structureParts(list, section)...)
		}
		return all
	}
	if len(s) < 7 {
		return nil
	}
	p := imapPart{section: prefix, kind: strings.ToLower(word(s[0]) + "/" + word(s[1]))}
	if prefix == "" {
		p.section = "1"
	}
	parameters := lowerItems(s[2])
	p.charset, p.name = word(parameters["charset"]), clientWords(parameters["name"])
	at := 8 // the disposition, behind the MD5; text and message have more before
	switch {
	case strings.HasPrefix(p.kind, "text/"):
		at = 9
	case p.kind == "message/rfc822":
		at = 11
	}
	if at < len(s) {
		if d, ok := s[at].(imapList); ok && len(d) == 2 {
			p.attached = strings.EqualFold(word(d[0]), "attachment")
			names := lowerItems(d[1])
			switch {
			case names["filename*"] != nil:
				p.name = extended(word(names["filename*"]))
			case names["filename"] != nil:
				p.name = clientWords(names["filename"])
			}
		}
	}
	return []imapPart{p}
}

// lowerItems are parameters by their names in lower case, of those that are there twice the last.
func lowerItems(v any) map[string]any {
	list, _ := v.(imapList)
	found := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		found[strings.ToLower(word(list[i]))] = list[i+1]
	}
	return found
}

// key names the part in a session.
func (p imapPart) key() string { return p.number + " " + p.section }

// show adds what a client shows of the part.
func (p imapPart) show(shown Shown, content string) {
	plain := p.kind == "text/plain" || p.kind == "text/html"
	if !plain || p.attached || p.name != "" {
		shown[Attachments] = append(shown[Attachments],
			p.kind+" "+p.name+" "+digest([]byte(content)))
		return
	}
	if e, err := htmlindex.Get(p.charset); err == nil {
		if decoded, err := e.NewDecoder().String(content); err == nil {
			content = decoded
		}
	}
	content = strings.ToValidUTF8(content, "\ufffd")
	if p.kind == "text/plain" {
		shown[Text] = append(shown[Text], content)
	} else {
		shown[HTML] = append(shown[HTML], content)
	}
}
