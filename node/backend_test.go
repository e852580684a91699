package node

import (
	"log/slog"
	"testing"

	"cairn/consensus"
	"cairn/mailstore"
)

// storeOnly is a node of alpha.test of which there is the mail store.
func storeOnly(t *testing.T) *Node {
	t.Helper()
	store, err := mailstore.Open(shortDir(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	own := consensus.Enrol{Name: "Alpha", Domains: []string{"alpha.test"}}
	return &Node{cfg: DefaultConfig("Alpha", own.Domains), enrol: &consensus.OrgEvent{Content: &own}, store: store}
}

func TestMessagesAreFoundByTheirReference(t *testing.T) {
	n := storeOnly(t)
	for _, name := range []string{"alice", "sales/north", "a b", "5/6"} {
		var want mailstore.Account
		err := n.store.Update(t.Context(), func(tx *mailstore.Tx) (err error) {
			want, err = tx.AddAccount(name, nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = n.store.View(func(rd *mailstore.Reader) error {
			ref, err := refOf(rd, want.ID, 12)
			if err != nil {
				return err
			}
			account, id, err := parseRef(rd, ref)
			if account != want.ID || id != 12 {
				t.Errorf("%q is read as message %d of account %d", ref, id, account)
			}
			return err
		})
		if err != nil {
			t.Errorf("account %q: %v", name, err)
		}
	}
}
