package node

import (
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/verifier"
	"cairn/node/api"
)

// told are the kinds of changes of organisation number org that the administrator is told of.
func (w *changing) told(org int) (kinds []string) {
	w.t.Helper()
	s := w.chain.State()
	o, ok := s.Org(w.net.Orgs[org].ID())
	if !ok {
		w.t.Fatal("no such organisation")
	}
	for _, c := range w.newsOf(s, o, 0, s.Height()) {
		kinds = append(kinds, c.What)
		text := w.sentence(s, c)
		for _, part := range []string{c.From, c.To} {
			if c.What != "recovery" && !strings.Contains(text, part) {
				w.t.Errorf("%s is told as %q, without %s", c.What, text, part)
			}
		}
	}
	return kinds
}

// What whoever has the organisation's key can do is told to its administrator, whatever it is; of others, what trust in
// them goes by.
func TestWhatIsTold(t *testing.T) {
	w := newChanging(t)
	update := func(org int, u consensus.Update) {
		w.block(w.change(org, func(*consensus.OrgEvent) consensus.Content { return &u }))
	}
	for org, u := range []consensus.Update{
		{Name: "Alpha", Domains: []string{"alpha.test"}, Records: consensus.RecordsSome}, {Name: "Beta", Domains: []string{"beta.test"}, Records: consensus.RecordsSome},
	} {
		recovery := recoveryOf(t, []string{w.alpha, w.dir}[org])
		second := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(w.net.Orgs[org].Key), chaintest.Key("second node", org), chaintest.Key("second recorder", org))
		w.block(w.change(org, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: second} }))
		w.block(w.change(org, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: second.Node} }))
		u.Domains = append(u.Domains, "zeta.test")
		update(org, u)
		u.Name += " (our own)"
		update(org, u)
		u.Records = consensus.RecordsAll
		update(org, u)
		u.ThresholdFloor = 90
		update(org, u)
		u.Domains = []string{"zeta.test"}
		update(org, u)
		w.rotate(org, recovery)
	}
	if got, want := w.told(1), []string{"node-added", "node-dropped", "domains", "name", "records", "threshold", "domains", "key"}; !slices.Equal(got, want) {
		t.Errorf("of our own %v is told, want %v", got, want)
	}
	if got, want := w.told(0), []string{"node-added", "name", "domains", "key"}; !slices.Equal(got, want) {
		t.Errorf("of who is trusted for alpha.test %v is told, want %v", got, want)
	}
	pin := verifier.Pin{Domain: "zeta.test", Key: consensus.PublicKey(w.net.Orgs[0].Key), Source: verifier.SourceTrust}
	if err := w.trust.Pin(t.Context(), pin, true); err != nil {
		t.Fatal(err)
	}
	if got, want := w.told(0), []string{"node-added", "domains", "name", "domains", "key"}; !slices.Equal(got, want) {
		t.Errorf("of who is trusted for both domains %v is told, want %v", got, want)
	}
	if !tells(true, nil, api.OrgChange{What: "something new"}) || !strings.Contains(w.sentence(w.chain.State(), api.OrgChange{What: "something new", To: "it"}), "something new") {
		t.Error("a kind of change that is not known is not told of our own organisation")
	}
}

// A name says nothing of whose it is: it is quoted, and what the organisation is to us stands in a line of its own.
func TestNamesInNotices(t *testing.T) {
	w := newChanging(t)
	w.block(w.change(0, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta (our own)", Domains: []string{"alpha.test"}}
	}))
	s := w.chain.State()
	org, _ := s.Org(w.net.Orgs[0].ID())
	text := w.noticeText(s, org, w.newsOf(s, org, 0, s.Height()))
	for _, want := range []string{"  name      \"Beta (our own)\"\r\n", "\r\n  here      trusted for alpha.test\r\n", "\r\n  before    \"Alpha\"\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if rest := strings.ReplaceAll(text, `"Beta (our own)"`, ""); strings.Contains(rest, "our own") || strings.Contains(rest, "Beta") {
		t.Errorf("it can be taken for our own:\n%s", text)
	}
}
