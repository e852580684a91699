package verdicts

import (
	"regexp"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// What the words about a pair say of its way.
var (
	saysList = regexp.MustCompile(
		`(?i)\blists?\b|mailman|mlmmj|majordomo|sympa|listserv|ezmlm|google groups`)
	saysMap = regexp.MustCompile(
		`(?i)generic|masquerad|canonical[ _]?maps?|address[ _]map|rewriting every header address|\bsrs\b`)
	saysBanner = regexp.MustCompile(`(?i)\bbanner\b`)
)

// Learn reads off a pair what a recipient would have configured or named before the message came:
// the list that it came through, the addresses that a relay rewrites, the own gateway's banner.
// Maps and banners are learned only where the words about a benign pair say that there are some. Of
// a pair that is not benign nothing is learned from its own difference, but for a list that its
// author wrote to.
func Learn(p *Pair) Knowledge {
	v := newViews(p)
	if p.Class != Benign {
		return Knowledge{List: v.listWrittenTo()}
	}
	k := Knowledge{List: v.list(saysList.MatchString(p.How))}
	if k.List == nil && saysMap.MatchString(p.How) {
		k.Map = v.addressMap()
	}
	if saysBanner.MatchString(p.How) {
		k.Banners = v.banners()
	}
	return k
}

// views are both messages of a pair, taken apart.
type views struct {
	sent, received   *message.Message
	before, after    *message.Dissection
	textSent, textIn string // what a reader can see, and the source; textSent in lower case
}

func newViews(p *Pair) *views {
	v := &views{
		sent:     message.Parse(message.WithoutMboxLine(p.Original)),
		received: message.Parse(message.WithoutMboxLine(p.Received)),
		before:   message.DissectFile(p.Original, nil),
		after:    message.DissectFile(p.Received, nil),
	}
	v.textSent = strings.ToLower(fields(v.sent) + body(v.sent) + string(p.Original))
	v.textIn = fields(v.received) + body(v.received) + string(p.Received)
	return v
}

// fields are the addresses of the header.
func fields(m *message.Message) string {
	var b strings.Builder
	for _, list := range [][]message.Address{m.From, m.To, m.Cc, m.ReplyTo, m.Sender} {
		for _, a := range list {
			b.WriteString(a.Addr + "\n")
		}
	}
	return b.String()
}

func body(m *message.Message) string { return m.Text + "\n" + m.HTML + "\n" }

// addressMap lays the address fields beside each other.
func (v *views) addressMap() record.AddressMap {
	var rules []string
	seen := map[string]bool{}
	for _, field := range []func(*message.Message) []message.Address{
		func(m *message.Message) []message.Address { return m.From },
		func(m *message.Message) []message.Address { return m.Sender },
		func(m *message.Message) []message.Address { return m.To },
		func(m *message.Message) []message.Address { return m.Cc },
		func(m *message.Message) []message.Address { return m.ReplyTo },
	} {
		sent, received := field(v.sent), field(v.received)
		if len(sent) != len(received) {
			continue
		}
		for i := range sent {
			rule := record.AddressRule{Received: received[i].Addr, Sent: sent[i].Addr}.String()
			key := strings.ToLower(received[i].Addr)
			same := strings.EqualFold(received[i].Addr, sent[i].Addr)
			if same || seen[key] || len(rules) == record.MaxAddressRule {
				continue
			}
			if _, err := record.ParseAddressMap([]string{rule}); err == nil {
				rules, seen[key] = append(rules, rule), true
			}
		}
	}
	m, err := record.ParseAddressMap(rules)
	if err != nil {
		return nil // two spellings of one address
	}
	return m
}

// banners are the texts that bodies have more than those that were sent, each in one place.
func (v *views) banners() (list []string) {
	for _, sent := range v.before.Body().Components {
		if sent.Type != message.Text && sent.Type != message.HTML {
			continue
		}
		for _, received := range v.after.Body().Components {
			if received.Type != sent.Type || received.Index != sent.Index {
				continue
			}
			before := string(sent.Content())
			if sent.Reading == message.AsOctets && sent.Type == message.Text {
				before = v.sent.Text
			}
			banner, err := record.CheckBanner(inserted(strings.TrimRight(before, " \n"), string(received.Content())))
			if err == nil && !slices.Contains(list, banner) && len(list) < record.MaxBanners {
				list = append(list, banner)
			}
		}
	}
	return list
}

// inserted is what received has more than sent in one place, empty if it differs otherwise. Of the
// places that say the same it is the one where a line or a tag begins.
func inserted(sent, received string) string {
	more := len(received) - len(sent)
	if more <= 0 {
		return ""
	}
	front := 0
	for front < len(sent) && sent[front] == received[front] {
		front++
	}
	if sent[front:] != received[front+more:] {
		return ""
	}
	for at := front; ; at-- {
		if at == 0 || received[at] == '<' || received[at-1] == '\n' {
			return received[at : at+more]
		}
		if received[at-1] != received[at+more-1] {
			return received[front : front+more]
		}
	}
}
