package chain

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore/diskroom"
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

// On a disk without room blocks are refused, at whichever transaction it is
// noticed, and all is well once there is room again.
func TestFullDisk(t *testing.T) {
	net := chaintest.New(2)
	for commits := range 12 { // that the disk has room for
		m := newManager(t, net)
		base, s := net.Chain(m.State(), 3)
		losing, _ := net.Chain(s, 3)
		var winning []*consensus.Block
		end := s
		for range 4 {
			b := net.Mine(end, 0, chaintest.Body{Time: chaintest.GenesisTime.Add(time.Duration(end.Height()) * time.Hour)})
			end, _ = consensus.ApplyBlock(end, b)
			winning = append(winning, b)
		}
		mustAdd(t, m, Extended, base...)
		mustAdd(t, m, Extended, losing...)
		mustAdd(t, m, SideBranch, winning[:3]...)
		before, left, always := m.State(), commits, m.room
		m.stepLimit = 1
		m.room = func(int64) error {
			if left--; left < 0 {
				return diskroom.ErrFull
			}
			return nil
		}
		extension := net.Mine(before, 0, chaintest.Body{})
		if commits == 0 {
			if _, err := m.AddBlock(extension, late); !errors.Is(err, diskroom.ErrFull) || m.stale || m.State() != before {
				t.Fatalf("a block on the tip with a full disk: %v", err)
			}
		}
		_, err := m.AddBlock(winning[3], late)
		if err == nil {
			if commits < 5 {
				t.Fatalf("reorganised in %d transactions", commits)
			}
			continue
		}
		for range 2 {
			if !errors.Is(err, diskroom.ErrFull) {
				t.Fatalf("room for %d transactions: %v", commits, err)
			}
			_, err = m.AddBlock(extension, late)
		}
		m.room = always
		if _, err := m.AddBlock(winning[3], late); err != nil && !errors.Is(err, ErrKnown) {
			t.Fatalf("room for %d transactions, and then for more: %v", commits, err)
		}
		if !m.State().Equal(end) {
			t.Fatalf("room for %d transactions: the state is not that of the best branch", commits)
		}
		checkReplay(t, m)
	}
}

// A volume is never filled to the last byte.
func TestRoomIsLeft(t *testing.T) {
	net := chaintest.New(1)
	m, shut := open(t, net, t.TempDir())
	defer shut()
	if err := m.room(1 << 62); !errors.Is(err, diskroom.ErrFull) {
		t.Errorf("room for everything: %v", err)
	}
}
