package node

import (
	"fmt"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
)

// recordedIn stores so many epochs of a recorder key, with a batch each that is in no block, as a
// branch leaves them that was lost.
func (w *changing) recordedIn(key consensus.Key, epochs int) {
	w.t.Helper()
	err := w.store.Update(w.t.Context(), func(tx *mailstore.Tx) error {
		for i := range epochs {
			state := fmt.Sprintf(`{"Seq":2,"Key":"%s","Epoch":%d}`, key, i+1)
			if err := tx.Space("recorder").Put([]byte("former/\x00\x00\x00\x00\x00\x00\x00"+string(rune(i))), []byte(state)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// While more is recorded with the recorder key than gets into blocks once it has ended, it is not
// replaced and the node not dropped; a revocation does not wait.
func TestEndOfAKeyWaitsForItsRecords(t *testing.T) {
	replaced := func(w *changing) consensus.OrgEvent { return w.rekeyed(must(NewKey())) }
	revoked := func(w *changing) consensus.OrgEvent {
		return w.net.Orgs[1].Change(w.chain.State(), recoveryOf(w.t, w.dir), false, func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewRevoke(e, must(NewKey()), consensus.Hash{1}, w.id.NodeKey())
		})
	}
	for _, tt := range []struct {
		name   string
		event  func(*changing) consensus.OrgEvent
		epochs int
		waits  bool
	}{
		{"replaced", replaced, 6, true},
		{"replaced, and all gets into blocks", replaced, 4, false},
		{"dropped", (*changing).dropped, 6, true},
		{"dropped, and all gets into blocks", (*changing).dropped, 4, false},
		{"revoked", revoked, 6, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newChanging(t)
			w.second()
			w.blocks(consensus.EpochGap)
			w.recordedIn(w.id.RecorderKey(), tt.epochs)
			e := tt.event(w)
			err := propose(t, w.Node, &e)
			if !tt.waits {
				if err != nil {
					t.Error(err)
				}
				return
			}
			says := fmt.Sprintf("from block %d on it all does", w.chain.State().Height()+1+consensus.EpochGap)
			if e := api.AsError(err); e == nil || e.Code != api.CodeTryLater || !strings.Contains(e.Message, says) || e.Hint != "run the same command again then: cairn chain status" {
				t.Errorf("%+v, want %q", e, says)
			}
			if kept, err := w.proposed(); err != nil || len(kept) != 0 {
				t.Errorf("kept: %d events, %v", len(kept), err)
			}
		})
	}
}
