package verifier

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
)

// TestHandedOn: the account has to know the address that the author wrote to,
// and its forwarder has to be whose node recorded what it sent on.
func TestHandedOn(t *testing.T) {
	const annID, benID = 1, 2
	known := make(map[mailstore.AccountID][]record.Forwarder)
	ask := func(_ *mailstore.Reader, id mailstore.AccountID) ([]record.Forwarder, error) { return known[id], nil }
	w := newWorld(t, setting{orgs: 4, pins: []int{0, 1}, cfg: Config{Forwarders: ask}})
	domain := func(i int) string { return w.net.Orgs[i].Domain }
	list := "devs@" + domain(1)
	byList := record.Forwarder{Domain: domain(1), Posting: list, List: true}
	unpinned := record.Forwarder{Domain: domain(2), Posting: list, List: true}
	known[annID] = []record.Forwarder{{Domain: domain(1), Posting: "other@" + domain(1)}, unpinned, byList}

	author := w.seal(0, letter("jo@"+domain(0), "", text), list)
	marked := append([]byte("List-Id: <devs>\r\n"), author...)
	direct := w.seal(0, letter("jo@"+domain(0), "", text), ann)
	for _, tt := range []struct {
		name    string
		raw     []byte
		account mailstore.AccountID
		want    []record.Forwarder
	}{
		{"sent on by the list's node", w.seal(1, marked, ann), annID, []record.Forwarder{byList}},
		{"to who does not know the list", w.seal(1, marked, ben), benID, nil},
		{"sent on by a node that is not trusted for any domain", w.seal(2, marked, ann), annID, nil},
		{"sent on by the author's own node", w.seal(0, marked, ann), annID, nil},
		{"direct", direct, annID, nil},
		{"what was never sent to the list", w.seal(1, direct, ann), annID, nil},
		{"author's record put below another one", slices.Concat(direct, author), annID, nil},
	} {
		tokens, err := record.Tokens(tt.raw)
		w.must(err)
		var got handed
		var ok bool
		w.must(w.store.View(func(rd *mailstore.Reader) (err error) {
			got, ok, err = w.v.handedOn(rd, w.chain.State(), w.trust.asker(context.Background()), tokens, tt.account)
			return err
		}))
		if ok != (tt.want != nil) || !slices.Equal(got.by, tt.want) {
			t.Errorf("%s: %v by %v", tt.name, ok, got.by)
		}
		if ok && !got.original.Token.HasRecipient(list) {
			t.Errorf("%s: the original is for %s", tt.name, fmt.Sprint(got.original.Record))
		}
	}
}
