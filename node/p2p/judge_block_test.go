package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore/diskroom"
)

// A block beside the best branch has not been validated by its parent's state.
// Whoever passed it on would answer for it to peers that can.
func TestBlocksBesideTheBestBranchAreNotPassedOn(t *testing.T) {
	net := chaintest.New(2)
	n := start(t, net, 0, setup{})
	genesis := n.chain.State()
	n.mine(chaintest.Body{})
	good := net.Mine(genesis, 0, chaintest.Body{Time: chaintest.GenesisTime.Add(2 * time.Second)})
	bad := net.Mine(genesis, 0, chaintest.Body{})
	bad.Header.StateRoot[0] ^= 1
	bad = net.Finish(0, bad)
	for name, b := range map[string]*consensus.Block{"good": good, "bad": bad} {
		if got := n.takeCompact(t.Context(), "somebody", newCompactBlock(b)); got != pubsub.ValidationIgnore {
			t.Errorf("%s block: verdict %v, want it ignored", name, got)
		}
		if _, err := n.chain.HeaderState(b.ID()); err != nil {
			t.Errorf("%s block is not stored: %v", name, err)
		}
	}
	next := net.Mine(n.chain.State(), 0, chaintest.Body{})
	if got := n.takeCompact(t.Context(), "somebody", newCompactBlock(next)); got != pubsub.ValidationAccept {
		t.Errorf("the next block: verdict %v, want it passed on", got)
	}
}

// A header that no member has signed is refused before anybody is asked for
// its body.
func TestHeadersOfStrangersCostNothing(t *testing.T) {
	net := chaintest.New(3)
	n := start(t, net, 0, setup{})
	genesis := n.chain.State()
	n.mine(chaintest.Body{Events: net.Enrolments()[:1]})
	other := chaintest.New(5)
	alone := func(b *consensus.Block) *compactBlock {
		return &compactBlock{Header: b.Header, HeaderOnly: true}
	}
	forged := alone(net.Mine(n.chain.State(), 0, chaintest.Body{}))
	forged.Header.Signature[7] ^= 1
	for _, c := range []struct {
		name  string
		block *compactBlock
		want  pubsub.ValidationResult
	}{
		{"not signed by its miner", forged, pubsub.ValidationReject},
		{"on the tip, of a stranger", alone(other.Mine(n.chain.State(), 4, chaintest.Body{})), pubsub.ValidationReject},
		{"beside the best branch, of a stranger", alone(other.Mine(genesis, 4, chaintest.Body{})), pubsub.ValidationIgnore},
	} {
		if got := n.takeCompact(t.Context(), "somebody", c.block); got != c.want {
			t.Errorf("%s: verdict %v, want %v", c.name, got, c.want)
		}
	}
	if got := n.Stats()["block.not-rebuilt"] + n.Stats()["block.fetched"]; got != 0 {
		t.Errorf("%d bodies were asked for", got)
	}
	ours := alone(net.Mine(n.chain.State(), 1, chaintest.Body{}))
	if got := n.takeCompact(t.Context(), "somebody", ours); got != pubsub.ValidationIgnore || n.Stats()["block.not-rebuilt"] != 1 {
		t.Errorf("a member's header: verdict %v, stats %v; want its body asked for", got, n.Stats())
	}
}

// A node that has ended makes no block on the tip, and has the limits of strangers.
func TestHeadersOfEndedNodes(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 2)
	n := start(t, net, 0, setup{})
	n.mine(chaintest.Body{Events: net.Enrolments()})
	org := &net.Orgs[1]
	change := func(content consensus.Content) {
		n.mine(chaintest.Body{Events: []consensus.OrgEvent{
			org.Change(n.chain.State(), org.Key, true, func(*consensus.OrgEvent) consensus.Content { return content }),
		}})
	}
	other := consensus.NewNodeKeys(org.Event.ChainID, consensus.PublicKey(org.Key), chaintest.Key("node", 9), chaintest.Key("recorder", 9))
	change(&consensus.AddNode{NodeKeys: other})
	id, err := peerID(consensus.PublicKey(org.Node))
	if err != nil || !n.enrolled(id) {
		t.Fatalf("the node is no member: %v", err)
	}
	before := n.chain.State()
	change(&consensus.DropNode{Node: consensus.PublicKey(org.Node)})
	if n.enrolled(id) {
		t.Error("a node that was dropped has the limits of members")
	}
	alone := func(s *consensus.State) *compactBlock {
		return &compactBlock{Header: net.Mine(s, 1, chaintest.Body{}).Header, HeaderOnly: true}
	}
	if got := n.takeCompact(t.Context(), "somebody", alone(n.chain.State())); got != pubsub.ValidationReject {
		t.Errorf("on the tip: verdict %v, want it rejected", got)
	}
	if got := n.takeCompact(t.Context(), "somebody", alone(before)); got != pubsub.ValidationIgnore {
		t.Errorf("from before it was dropped: verdict %v, want it ignored", got)
	}
}

// A peer that gives what it was asked for does not answer for a block that it
// could not judge itself.
func TestWhoGivesABlockDoesNotAnswerForIt(t *testing.T) {
	net := chaintest.New(2)
	n := start(t, net, 0, setup{timing: gossipOnly()})
	giver := start(t, net, 1, setup{timing: gossipOnly(), bootstrap: n.Addrs()})
	eventually(t, "they have met", func() bool { return len(n.Peers()) == 1 && len(giver.Peers()) == 1 })
	bad := net.Mine(n.chain.State(), 0, chaintest.Body{})
	bad.Header.StateRoot[0] ^= 1
	bad = net.Finish(0, bad)
	giver.add(net.Mine(n.chain.State(), 0, chaintest.Body{}), bad) // bad is beside its best branch
	alone := &compactBlock{Header: bad.Header, HeaderOnly: true}
	if got := n.takeCompact(t.Context(), "somebody", alone); got == pubsub.ValidationAccept {
		t.Fatal("a bad block was passed on")
	}
	if n.Stats()["block.fetched"] != 1 || n.Stats()["block.invalid"] != 1 {
		t.Fatalf("stats %v: want the block fetched and found invalid", n.Stats())
	}
	if n.gate.strike(giver.host.ID(), banAfter-1) {
		t.Error("the giver had a strike")
	}
}

// fullChain is a chain on a disk without room.
type fullChain struct {
	Chain
	free *int
}

func (c fullChain) AddBlock(*consensus.Block, time.Time) (chain.Status, error) {
	*c.free++
	return 0, fmt.Errorf("%w: %d MB free", diskroom.ErrFull, *c.free)
}

// A full disk is told of once a minute and not for each block that comes, whichever way it does,
// with what helps.
func TestFullDiskIsToldOnce(t *testing.T) {
	net := chaintest.New(2)
	h := notRunning(t, net)
	b := net.Mine(h.chain.State(), 0, chaintest.Body{})
	h.chain = fullChain{h.chain, new(int)}
	h.cfg.Typable = func(hint string) string { return "typable: " + hint }
	var log bytes.Buffer
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	turn := &turn{Host: h, p: standing{remote: &remote{id: "source"}}}
	for range 5 {
		if got := h.takeBlock(b, "somebody"); got != pubsub.ValidationIgnore {
			t.Errorf("verdict %v", got)
		}
		if _, err := turn.takeAll([]consensus.Hash{b.ID()}, []*consensus.Block{b}); !errors.Is(err, diskroom.ErrFull) {
			t.Errorf("synced: %v", err)
		}
	}
	if told := log.String(); strings.Count(told, "\n") != 1 || !strings.Contains(told, "try=\"typable: "+diskroom.NextFull) {
		t.Errorf("the log:\n%s", told)
	}
}
