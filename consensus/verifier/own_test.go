package verifier

import (
	"context"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Mail from outside that claims a domain of ours has our record, or is missing
// it, whatever else it has.
func TestOwnDomains(t *testing.T) {
	const boss = "boss@org2.example"
	own := chaintest.New(3).Orgs[1]
	cfg := Config{Own: Own{Key: consensus.PublicKey(own.Key), Domains: []string{"org2.example", "xn--mller-kva.example"}}}
	for _, c := range []struct {
		name    string
		from    string
		seals   int // organisation; -1: nobody
		courier int
		local   bool
		change  func([]byte) []byte
		verdict record.Verdict
		box     string
	}{
		{"no record", boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in other letters", "Boss@ORG2.Example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in another script", "boss@müller.example", -1, -1, false, nil, record.Missing, "spam"},
		{"no record, among other authors", "x@elsewhere.example, " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, in a second From field", "x@elsewhere.example\r\nFrom: " + boss, -1, -1, false, nil, record.Missing, "spam"},
		{"no record, by another organisation's node", boss, -1, 0, false, nil, record.Missing, "spam"},
		{"a name that looks like it", `"boss@org2.example" <x@elsewhere.example>`, -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"a domain below ours", "boss@sub.org2.example", -1, -1, false, nil, record.Unrecorded, "inbox"},
		{"no record, by our own node", boss, -1, 1, false, nil, record.Unrecorded, "inbox"},
		{"no record, from our own queue", boss, -1, -1, true, nil, record.Unrecorded, "inbox"},
		{"another's record, though that one is pinned", boss, 0, -1, false, nil, record.Missing, "spam"},
		{"another's record, by its own node", boss, 0, 0, false, nil, record.Missing, "spam"},
		{"another's record, changed", boss, 0, -1, false, footer, record.Missing, "spam"},
		{"our record, back from outside", boss, 1, -1, false, nil, record.Pending, "inbox"},
		{"our record, changed outside", boss, 1, -1, false, footer, record.Differs, "inbox"},
		{"our record on other text", boss, 1, -1, false, func(b []byte) []byte { return replace(b, "100 to Bob", "900 to Eve") }, record.Differs, "spam"},
		{"a token of nobody", boss, -1, -1, false, func(b []byte) []byte { return append([]byte("Cairn-Record: AAAA\r\n"), b...) }, record.Invalid, "spam"},
		{"another's mail", jo, 0, -1, false, nil, record.Pending, "inbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, cfg: cfg, pins: []int{0, 1, 2}, change: records(consensus.RecordsSome, 0, 1)})
			raw := letter(c.from, "", text)
			if c.seals >= 0 {
				raw = w.seal(c.seals, raw, ann)
			}
			if c.change != nil {
				raw = c.change(raw)
			}
			a := Arrival{Raw: raw, Recipients: []string{ann}, Received: w.now, Local: c.local}
			if c.courier >= 0 {
				a.Courier = w.courier(c.courier)
			}
			as, err := w.v.Check(context.Background(), a)
			w.must(err)
			ref := w.put(as, raw, []string{ann})[0].Ref
			w.expect(ref, "at arrival", c.verdict, c.box)
			if c.seals >= 0 && c.verdict == record.Missing {
				w.include(c.seals)
				w.must(w.v.Retrust(context.Background(), w.net.Orgs[c.seals].Domain))
				w.expect(ref, "in a block", record.Missing, "spam")
			}
			if reasons := w.finding(ref).Reasons; c.verdict == record.Missing && !strings.Contains(reasons[0], "a domain of our own") {
				t.Errorf("reasons %q", reasons)
			}
		})
	}
}

// lists are forwarders that stand fast: accounts' lists come with them.
type lists map[mailstore.AccountID]string

func (l lists) Forwarder(_ *mailstore.Reader, account mailstore.AccountID, _ *Arrival, _ *Finding) (string, error) {
	return l[account], nil
}

// What a known forwarder sent on is vouched for, once for each account, whether
// or not its recipient is in the record and however old that is.
func TestSentOnByKnownForwarder(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}, cfg: Config{Forwarders: lists{1: "lists.example"}}})
	const list = "list@lists.example"
	raw := w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	w.now = w.now.Add(40 * day)
	first := w.arrive(raw)
	w.expect(first, "at arrival", record.Pending, "inbox")
	again := w.arrive(raw)
	w.expect(again, "again", record.Replayed, "spam")
	other := w.deliver(raw, nil, ben)[0].Ref
	w.expect(other, "to one who does not know the list", record.Replayed, "spam")
	changed := w.arrive(replace(w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list), "100 to Bob", "900 to Eve"))
	w.expect(changed, "with another text", record.Differs, "spam")
	w.include(0)
	w.expect(first, "in a block", record.Vouched, "inbox")
	f := w.finding(first)
	want := "Sent on by lists.example. Recorded by org1.example for jo@org1.example: "
	if !strings.HasPrefix(f.Reasons[0], want) {
		t.Errorf("reasons %q, want %q first", f.Reasons, want)
	}
	if last := f.Reasons[len(f.Reasons)-1]; !strings.HasPrefix(last, "not addressed to you") {
		t.Errorf("reasons %q do not say that it was not addressed to her", f.Reasons)
	}
	if got := w.finding(other).Facts.RecordedFor; len(got) != 1 || got[0] != list {
		t.Errorf("recorded for %q", got)
	}
}
