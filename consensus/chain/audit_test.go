package chain

import (
	"context"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// A branch that is not what its blocks make is found, whatever part of it is wrong.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(w *writer, m *Manager, s *consensus.State)
		want   string
	}{
		"sound":               {func(*writer, *Manager, *consensus.State) {}, ""},
		"a block is missing":  {func(w *writer, _ *Manager, s *consensus.State) { w.delete(keyOf(prefixBlock, s.Tip())) }, "block 6: no such block"},
		"a block is damaged":  {func(w *writer, _ *Manager, s *consensus.State) { w.put(keyOf(prefixBlock, s.Tip()), []byte("x")) }, "block"},
		"a height is missing": {func(w *writer, _ *Manager, _ *consensus.State) { w.delete(keyOfHeight(3)) }, "no block at height 3"},
		"a block is another":  {func(w *writer, _ *Manager, s *consensus.State) { w.put(keyOfHeight(3), hashBytes(s.Tip())) }, "block 3: "},
	} {
		t.Run(name, func(t *testing.T) {
			net := chaintest.New(2)
			m := newManager(t, net)
			blocks, s := net.Chain(m.State(), 6)
			mustAdd(t, m, Extended, blocks...)
			w := m.newWriter()
			c.damage(w, m, s)
			if err := w.close(); err != nil {
				t.Fatal(err)
			}
			m.blocks = blockCache{}
			seen := uint64(0)
			err := m.Check(context.Background(), func(done, _ uint64) { seen = done })
			if c.want == "" && (err != nil || seen != 6) || c.want != "" && (!IsDamaged(err) || !strings.Contains(Damage(err), c.want)) {
				t.Errorf("found %v after %d blocks", err, seen)
			}
		})
	}
}
