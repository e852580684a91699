package chain

import (
	"encoding/binary"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"cairn/consensus/chain/chaintest"
)

// testdata/format1 is a directory written by version 0.1.0, which had no format number: a chain of
// 10 blocks of the network below with a reorganisation, and two blocks beside it.
func formatNetwork() *chaintest.Network { return chaintest.NewWith(chaintest.ParamsV2(), 3) }

const formatTip = "10:6d65535c"

func TestFormat1(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is of this format
		m, shut := open(t, formatNetwork(), dir)
		if m.Tip().String() != formatTip {
			t.Fatalf("tip %v, want %s", m.Tip(), formatTip)
		}
		checkReplay(t, m)
		checkEntries(t, m)
		if got := len(m.sides.list); got != 2 {
			t.Errorf("%d side blocks, want 2", got)
		}
		if format, err := storedFormat(m.store); format != storeFormat || err != nil {
			t.Errorf("format %d, %v", format, err)
		}
		shut()
	}
	m, shut := open(t, formatNetwork(), dir)
	defer shut()
	more, _ := formatNetwork().Chain(m.State(), 2)
	mustAdd(t, m, Extended, more...)
}

// A migration that was cut short begins again; side blocks far below the tip go.
func TestFormat1SideBlocks(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	old, _ := net.Chain(m.State(), 2)
	mustAdd(t, m, Extended, old...)
	beside := net.Mine(net.Genesis.State(), 0, chaintest.Body{Time: late.AddDate(0, 0, -1)})
	mustAdd(t, m, SideBranch, beside)
	blocks, _ := net.Chain(m.State(), sideDepth+8)
	mustAdd(t, m, Extended, blocks...)
	near := net.Mine(m.State(), 0, chaintest.Body{})
	tip := net.Mine(m.State(), 0, chaintest.Body{Time: late.AddDate(0, 0, -1)})
	mustAdd(t, m, Extended, tip)
	mustAdd(t, m, SideBranch, near)
	err := m.store.Write([]Change{{Key: keyFormat, Delete: true}, {Key: keyOf(prefixSide, near.ID()), Delete: true}})
	if err != nil {
		t.Fatal(err)
	}
	m, err = OpenStore(m.store, net.Genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	checkReplay(t, m)
	checkEntries(t, m)
	if _, err := m.Block(beside.ID()); err == nil {
		t.Error("a side block far below the tip is still stored")
	}
	if len(m.sides.list) != 1 || m.sides.list[0].id != near.ID() {
		t.Errorf("side blocks %v, want that at the tip", m.sides.list)
	}
}

// What a later version wrote is refused in one sentence, and left as it is.
func TestLaterFormat(t *testing.T) {
	for _, format := range []uint32{0, storeFormat + 1, 1 << 31} {
		net := chaintest.New(1)
		m := newManager(t, net)
		if err := m.store.Write([]Change{{Key: keyFormat, Value: binary.BigEndian.AppendUint32(nil, format)}}); err != nil {
			t.Fatal(err)
		}
		before := contents(t, m.store, "")
		_, err := OpenStore(m.store, net.Genesis, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "later version of cairn") || strings.Contains(err.Error(), "\n") {
			t.Errorf("format %d: %v", format, err)
		}
		if !slices.Equal(before, contents(t, m.store, "")) {
			t.Errorf("format %d: the store was changed", format)
		}
	}
}
