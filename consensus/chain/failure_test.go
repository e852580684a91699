package chain

import (
	"log/slog"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// A write that failed may have reached the store or not. Either way the Manager
// looks before it goes on.
func TestGoesOnAfterFailedWrite(t *testing.T) {
	for _, reached := range []bool{false, true} {
		net := chaintest.New(2)
		m := newManager(t, net)
		blocks, s := net.Chain(m.State(), 4)
		mustAdd(t, m, Extended, blocks[:3]...)
		before := m.State()
		if reached {
			mustAdd(t, m, Extended, blocks[3])
			m.state.Store(before) // as if the commit had returned an error
		}
		m.stale = true
		wake, cancel := m.Subscribe()
		defer cancel()
		_, err := m.AddBlock(blocks[3], late)
		if (err != nil) != reached {
			t.Fatalf("reached the store: %v; the block again: %v", reached, err)
		}
		if !m.State().Equal(s) {
			t.Fatalf("reached the store: %v; the state is not that of the stored tip", reached)
		}
		select {
		case <-wake:
		default:
			t.Fatal("not woken although the tip has changed")
		}
		mustAdd(t, m, Extended, net.Mine(s, 0, chaintest.Body{}))
		checkReplay(t, m)
	}
}

// Without its store the Manager returns errors and keeps its state.
func TestClosedStore(t *testing.T) {
	net := chaintest.New(1)
	db, err := OpenDB(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(db, net.Genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := net.Chain(m.State(), 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := m.AddBlock(blocks[0], late); err == nil {
			t.Fatal("a block was added to a closed store")
		}
	}
	if s, _ := consensus.ApplyBlock(net.Genesis.State(), blocks[0]); m.State().Equal(s) {
		t.Fatal("the state moved on without the store")
	}
	if _, _, err := m.UpdatesSince(Index{}, 1); err == nil {
		t.Fatal("updates were read from a closed store")
	}
	if m.BestHas(m.Tip()) || len(m.Locator()) != 0 {
		t.Fatal("blocks were found in a closed store")
	}
}
