package testnet_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/testnet"
)

// start makes a network of orgs members that all trust each other.
func start(t *testing.T, orgs int) (*testnet.Network, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	t.Cleanup(cancel)
	w, err := testnet.NewNetwork(ctx, t.TempDir(), max(orgs, 1), share, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("stop the network: %v", err)
		}
	})
	for range orgs { // 0: the caller adds them
		if _, err := w.Add(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Trust(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	return w, ctx
}

// part cuts two groups of members off from each other, or joins them again.
func part(t *testing.T, left, right []*testnet.Member, apart bool) {
	t.Helper()
	for _, l := range left {
		for _, r := range right {
			for _, pair := range [][2]*testnet.Member{{l, r}, {r, l}} {
				do := pair[0].Host().Unbar
				if apart {
					do = pair[0].Host().Bar
				}
				if err := do(pair[1].Identity().NodeKey()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestPartition lets two groups mine and mail on their own, then joins them.
func TestPartition(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 4)
	left, right := w.Members[:2], w.Members[2:]
	send := func(from, to int, subject string) {
		t.Helper()
		raw := testnet.Compose(w.Address(from), w.Address(to), subject, "across a divided land\n")
		if err := testnet.SendOne(w.Members[from].SubmissionAddr(), w.Address(from), w.Address(to), raw); err != nil {
			t.Fatal(err)
		}
	}
	boxes := []string{"alice", "bob", "carol", "alice"}
	await := func(at int, subject string) *testnet.Mail {
		t.Helper()
		mail, err := w.Members[at].AwaitMail(ctx, boxes[at], testnet.Both(testnet.Subject(subject), testnet.Judged(record.Verified)))
		if err != nil {
			t.Fatal(err)
		}
		return mail
	}

	part(t, left, right, true)
	apart := w.Members[0].Chain().Tip()
	// Each side records mail of its own in blocks that the other does not see.
	sides := []struct{ from, to int }{{0, 1}, {2, 3}}
	for i, s := range sides {
		for n := range 3 {
			send(s.from, s.to, fmt.Sprintf("side %d mail %d", i, n))
			await(s.to, fmt.Sprintf("side %d mail %d", i, n))
		}
	}
	send(0, 2, "across")     // waits for the land to be one again
	var before []chain.Index // a block of each side, too deep in it to be lost by itself
	for _, m := range []*testnet.Member{left[0], right[0]} {
		err := m.AwaitState(ctx, func(s *consensus.State) bool { return s.Height() >= apart.Height+5 })
		if err != nil {
			t.Fatal(err)
		}
		first, _ := m.Chain().IndexAt(apart.Height + 2)
		before = append(before, first)
	}
	if left[0].Chain().BestHas(right[0].Chain().Tip()) || right[0].Chain().BestHas(left[0].Chain().Tip()) {
		t.Fatal("the two sides share a chain although they are apart")
	}

	part(t, left, right, false)
	// Every verdict comes to rest on one chain: that of every node.
	rest := func(at int, subject string) {
		t.Helper()
		if _, err := w.Members[at].AwaitMail(ctx, boxes[at], testnet.Both(testnet.Subject(subject), w.Everywhere)); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
	}
	rest(2, "across")
	for i, s := range sides {
		for n := range 3 {
			rest(s.to, fmt.Sprintf("side %d mail %d", i, n))
		}
	}
	// One side has lost its blocks, and its batches are in others now.
	lost := slices.DeleteFunc(slices.Clone(before), func(b chain.Index) bool { return w.Members[0].Chain().BestHas(b) })
	if len(lost) != 1 {
		t.Errorf("of the two sides' blocks %d are gone, want those of one side", len(lost))
	}
}
