package verifier

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Where some program finds no author, it shows who is in the envelope.
func TestOwnDomainInEnvelope(t *testing.T) {
	const boss = "boss@org2.example"
	own := chaintest.New(3).Orgs[1]
	cfg := Config{Own: Own{Key: consensus.PublicKey(own.Key), Domains: []string{"org2.example"}}}
	w := newWorld(t, setting{orgs: 3, cfg: cfg, pins: []int{0, 1, 2}})
	for _, c := range []struct {
		from, sender string
		verdict      record.Verdict
	}{
		{"From: x@elsewhere.example", boss, record.Unrecorded},
		{"From: J\xf6rg <x@elsewhere.example>", boss, record.Unrecorded},
		{"X-Note: x", boss, record.Missing},
		{"X-Note: x", "x@elsewhere.example", record.Unrecorded},
		{"X-Note: x", "", record.Unrecorded},
		{"From:", boss, record.Missing},
		{"From: (nobody)", boss, record.Missing},
		{"From: Boss <>", boss, record.Missing},
		{"From: Undisclosed:;", boss, record.Missing},
		{"From: x@elsewhere.example\r\nFrom: Boss", boss, record.Missing},
		{"From: Boss", `"` + boss + `"@elsewhere.example`, record.Missing},
	} {
		raw := replace(letter("", "", text), "From: \r\n", c.from+"\r\n")
		as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Sender: c.sender, Recipients: []string{ann}, Received: w.now})
		w.must(err)
		if got := as.Found().Verdict; got != c.verdict {
			t.Errorf("%q, from <%s>: %s", c.from, c.sender, got)
		}
	}
}

// Who claims a domain of ours and has a friend make a second record, or posts to
// a list that the account has named, is not us either.
func TestOwnDomainSentOn(t *testing.T) {
	const boss, list = "boss@org2.example", "devs@org4.example"
	own := chaintest.New(4).Orgs[1]
	cfg := Config{Own: Own{Key: consensus.PublicKey(own.Key), Domains: []string{"org2.example"}}}
	cfg.Forwarders = func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org4.example", Posting: list, List: true}}, nil
	}
	for _, c := range []struct {
		name    string
		seals   int    // organisation that records the original
		to      string // whom that is for
		courier int
		verdict record.Verdict
		box     string
	}{
		{"by a stranger", 2, ann, -1, record.Missing, "spam"},
		{"by a known list", 2, list, -1, record.Missing, "spam"},
		{"by a known list, brought by our own node", 2, list, 1, record.Vouched, "inbox"},
		{"ours, by a known list", 1, list, -1, record.Vouched, "inbox"},
		{"ours, by a stranger", 1, ann, -1, record.Differs, "inbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 4, cfg: cfg, pins: []int{1, 3}, change: func(n *chaintest.Network) {
				records(consensus.RecordsSome, 0, 1)(n)
				also(2, "org2.example")(n)
			}})
			raw := w.seal(3, w.seal(c.seals, replace(letter(boss, "", text), "To: "+ann, "To: "+c.to), c.to), ann)
			var courier *consensus.Key
			if c.courier >= 0 {
				courier = w.courier(c.courier)
			}
			ref := w.deliver(raw, courier, ann)[0].Ref
			w.include(c.seals)
			w.include(3)
			w.must(w.v.Retrust(context.Background(), "org4.example"))
			w.expect(ref, "in a block", c.verdict, c.box)
		})
	}
}

// A header of more than the grammar has is judged by its authors, not by the many whom it is for.
func TestLongHeader(t *testing.T) {
	own := chaintest.New(3).Orgs[1]
	cfg := Config{Own: Own{Key: consensus.PublicKey(own.Key), Domains: []string{"org2.example"}}}
	w := newWorld(t, setting{orgs: 3, cfg: cfg, pins: []int{0, 1, 2}})
	addressed := func(from string, recipients int) []byte {
		var to strings.Builder
		for i := range recipients {
			fmt.Fprintf(&to, "Recipient Number %d <recipient%d@d%d.example>,\r\n ", i, i, i)
		}
		return replace(letter(from, "", text), "To: "+ann, "To: "+to.String()+ann)
	}
	trace := bytes.Repeat([]byte("Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n"), 200)
	for name, raw := range map[string][]byte{
		"too long by its trace": append(trace, w.seal(0, addressed(jo, 1150), ann)...),
		"too long as it was":    w.seal(0, addressed(jo, 1300), ann),
	} { // less of it is found than the threshold asks for, and that is what its reader hears
		ref := w.arrive(raw)
		w.expect(ref, name, record.Invalid, "spam")
		if reasons := w.finding(ref).Reasons; !strings.Contains(strings.Join(reasons, " "), "a header of more than 64 KiB") {
			t.Errorf("%s: %q", name, reasons)
		}
	}
	w.expect(w.arrive(addressed("x@elsewhere.example", 1300)), "without a record", record.Unrecorded, "inbox")
	w.expect(w.arrive(addressed("boss@org2.example", 1300)), "in the name of ours", record.Missing, "spam")
}

// Text without a header claims nobody, unless some program may find the header further down; then
// nothing says that it claims one of ours.
func TestNoHeader(t *testing.T) {
	own := chaintest.New(3).Orgs[1]
	w := newWorld(t, setting{orgs: 3, cfg: Config{Own: Own{Key: consensus.PublicKey(own.Key), Domains: []string{"org2.example"}}}})
	w.expect(w.arrive([]byte("\r\nonly body\r\n")), "body alone", record.Unrecorded, "inbox")
	hidden := w.arrive([]byte("\r\nonly body\r\n\r\nFrom: boss@org2.example\r\n\r\nx\r\n"))
	w.expect(hidden, "a header further down", record.Missing, "spam")
	f := w.finding(hidden)
	said := slices.Concat(f.Reasons, w.filing.decide(f).Reasons)
	if text := strings.Join(said, "; "); strings.Count(text, "cannot be told") != 2 || strings.Contains(text, "claims one of our own") {
		t.Errorf("%q", said)
	}
}
