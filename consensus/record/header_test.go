package record_test

import (
	"slices"
	"strings"
	"testing"

	"cairn/consensus/record"
)

// TestHeader: From is what it was before relays rewrote it, and the author is the one that the
// record has, wherever a list put it.
func TestHeader(t *testing.T) {
	relay, err := record.ParseAddressMap([]string{"jo=example.org@relay.example = jo@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	tok := tokenOf(letterDissection())
	for _, c := range []struct {
		name, fields string
		from         string
		domains      []string
		author       string
		authors      []string
	}{
		{"as sent", "From: Jo <jo@example.org>\r\nReply-To: devs@lists.example\r\n",
			"jo@example.org", []string{"example.org"}, "jo@example.org", []string{"example.org"}},
		{"through the relay", "From: jo=example.org@relay.example\r\n",
			"jo@example.org", []string{"example.org"}, "jo@example.org", []string{"example.org"}},
		{"of a list that has the author answered", "From: Jo via devs <devs@lists.example>\r\nReply-To: devs@lists.example, jo@example.org\r\n",
			"devs@lists.example", []string{"lists.example"}, "jo@example.org", []string{"example.org"}},
		{"of a list that does not tell", "From: devs@lists.example\r\nReply-To: devs@lists.example\r\n",
			"devs@lists.example", []string{"lists.example"}, "devs@lists.example", []string{"lists.example"}},
		{"by two and nobody", "From: b@x.example, a@a.example, c@x.example, somebody\r\n",
			"b@x.example", []string{"", "a.example", "x.example"}, "b@x.example", []string{"", "a.example", "x.example"}},
		{"without authors", "Subject: x\r\n", "", nil, "", nil},
	} {
		h := record.ReadHeader([]byte(c.fields+"To: Ann@B.example\r\nCc: bob@b.example\r\n\r\nFrom: eve@e.example\r\n"), relay)
		if h.From != c.from || !slices.Equal(h.Domains, c.domains) {
			t.Errorf("%s: from %q, domains %q", c.name, h.From, h.Domains)
		}
		if from, domains := h.Author(tok); from != c.author || !slices.Equal(domains, c.authors) {
			t.Errorf("%s: author %q, domains %q", c.name, from, domains)
		}
		if !h.AddressedTo([]string{"x@b.example", "ann@b.example"}) || !h.AddressedTo([]string{"BOB@b.example"}) || h.AddressedTo([]string{"eve@e.example"}) {
			t.Errorf("%s: addressed to %q", c.name, h.To)
		}
	}
}

func TestSetFrom(t *testing.T) {
	var f record.Facts
	f.SetFrom("jö ann@\x00" + strings.Repeat("x", 300))
	if want := "j??ann@?" + strings.Repeat("x", 246); f.From != want {
		t.Errorf("%q, want %q", f.From, want)
	}
}

// TestAuthorOfWrapped: the record of a message that stands whole inside a list's is for whoever
// wrote that.
func TestAuthorOfWrapped(t *testing.T) {
	const sent = "From: Jo <jo@example.org>\r\nTo: team@lists.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Figures\r\n\r\nHello\r\n"
	tok := tokenOf(dissect(sent))
	list := record.Context{Forwarder: &record.Forwarder{Domain: "lists.example", Posting: "team@lists.example", List: true}}
	for sender, whole := range map[string]bool{"team@lists.example": true, "ceo@lists.example": false, "Jo <payments@lists.example>": false} {
		raw := []byte("From: " + sender + "\r\nTo: team@lists.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: Figures\r\n" +
			"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + sent)
		d := dissect(string(raw))
		c := record.Compare(tok, d, list)
		from, domains := record.ReadHeader(raw, nil).AuthorIn(d, c, tok)
		if c.Forwarded() != whole || whole && (from != "jo@example.org" || !slices.Equal(domains, []string{"example.org"})) {
			t.Errorf("%s: %v, from %s, %q\n%s", sender, c.Forwarded(), from, domains, table(c))
		}
	}
}
