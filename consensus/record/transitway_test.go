package record_test

import (
	"bytes"
	netmail "net/mail"
	"regexp"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// with is what the recipient's node and account know of the way: the list, if it went through one,
// and what an administrator configures, read off the pair.
func (p *transitPair) with() (with record.Context) {
	how := strings.ToLower(p.how)
	if strings.Contains(how, "list") {
		with.Forwarder = listBetween(p.sent, p.received)
	}
	if strings.Contains(how, "generic") {
		with.Map = mapBetween(p.sent, p.received)
	}
	if strings.Contains(how, "banner") {
		with.Banners = []string{bannerOf(p.received), `<div style="background:#ff0">CAUTION: external</div>`}
	}
	return with
}

var addressPattern = regexp.MustCompile(`[A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+[A-Za-z]`)

// listBetween is the list through which a message went: that of List-Post, or what its footer says;
// nil if nothing tells.
func listBetween(sent, received []byte) *record.Forwarder {
	d := message.DissectFile(received, nil)
	posting := addressPattern.FindString(d.Value("list-post"))
	if posting == "" || bytes.Contains(sent, []byte(posting)) && !bytes.Contains(sent, []byte("vger.kernel.org")) {
		shown := bytes.Clone(received)
		for _, leaf := range d.Body().Leaves {
			shown = append(shown, leaf.Text...)
		}
		for _, address := range addressPattern.FindAllString(string(shown), -1) {
			if strings.Contains(address, "lists.") && !strings.Contains(string(sent), address) {
				posting = address
				break
			}
		}
	}
	if posting == "" {
		return nil
	}
	return &record.Forwarder{Domain: message.Domain(posting), Posting: strings.ToLower(posting), List: true}
}

// mapBetween is the map of addresses that makes those received out of those sent.
func mapBetween(sent, received []byte) (m record.AddressMap) {
	a, err := netmail.ReadMessage(bytes.NewReader(sent))
	if err != nil {
		return nil
	}
	b, err := netmail.ReadMessage(bytes.NewReader(received))
	if err != nil {
		return nil
	}
	rules := map[string]string{}
	for _, name := range []string{"From", "Sender", "To", "Cc", "Reply-To"} {
		before := addressPattern.FindAllString(a.Header.Get(name), -1)
		after := addressPattern.FindAllString(b.Header.Get(name), -1)
		for i := range min(len(before), len(after)) {
			if len(before) == len(after) && !strings.EqualFold(before[i], after[i]) {
				rules[strings.ToLower(after[i])] = after[i] + " = " + before[i]
			}
		}
	}
	var list []string
	for _, rule := range rules {
		list = append(list, rule)
	}
	m, _ = record.ParseAddressMap(list)
	return m
}

// bannerOf is the first paragraph of the text that arrived.
func bannerOf(received []byte) string {
	for _, leaf := range message.DissectFile(received, nil).Body().Leaves {
		if leaf.Type == message.Text {
			banner, _, _ := strings.Cut(string(leaf.Text), "\n\n")
			return banner
		}
	}
	return ""
}

// plausible are the ways that a tamperer may have a message look to have come.
func plausible(p *transitPair) []record.Context {
	list := []record.Context{{}, p.with()}
	d := dissectTransit(p.received)
	for _, address := range addressPattern.FindAllString(d.Value("to")+" "+d.Value("cc"), -1) {
		address = strings.ToLower(address)
		list = append(list, record.Context{Forwarder: &record.Forwarder{Domain: message.Domain(address), Posting: address, List: true}})
	}
	return list
}
