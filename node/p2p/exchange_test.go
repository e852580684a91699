package p2p

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// served answers exchanges of mempools as one who has and wants nothing, and tells what it was
// offered. The first `broken` of them it breaks off.
func (f *foe) served(broken int32) <-chan []consensus.Hash {
	offers := make(chan []consensus.Hash, 64)
	var exchanges atomic.Int32
	f.SetStreamHandler(f.victim.names.pool, func(s network.Stream) {
		defer func() { _ = s.Close() }()
		raw, err := readFrame(s, maxPoolList)
		if err != nil {
			return
		}
		list, err := decodePoolList(raw)
		if err != nil {
			f.t.Errorf("the victim's list: %v", err)
			return
		}
		if exchanges.Add(1) <= broken {
			_ = s.Reset()
		} else if _, err := s.Write(append(framed(new(poolList).encode()), framed(nil)...)); err != nil {
			return
		}
		offers <- list.Events
	})
	return offers
}

// next waits for the next exchange.
func next(t *testing.T, offers <-chan []consensus.Hash) []consensus.Hash {
	t.Helper()
	select {
	case o := <-offers:
		return o
	case <-time.After(patience):
		t.Fatalf("no exchange of mempools in %v", patience)
		return nil
	}
}

// A peer that gossip does not reach yet, as it has just connected, is offered what comes into the
// mempool after its first exchange. To publish it again would send nothing, since it counts as
// seen.
func TestWhatGossipDoesNotReachIsExchanged(t *testing.T) {
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{timing: gossipOnly()})
	f := newStranger(t, victim)
	offers := f.served(0)
	f.connect()
	if first := next(t, offers); len(first) != 0 {
		t.Fatalf("an empty mempool offers %v", first)
	}
	e := &net.Orgs[1].Event
	if err := victim.pool.AddEvent(victim.chain.State(), e, time.Now()); err != nil {
		t.Fatal(err)
	}
	victim.PublishEvent(e)
	if second := next(t, offers); !slices.Contains(second, e.ID()) {
		t.Errorf("the event %v is not among what was offered: %v", e.ID(), second)
	}
}

// An exchange that breaks off is due again with the next status, not a whole interval of exchanges
// later.
func TestABrokenExchangeIsRepeated(t *testing.T) {
	often := fast
	often.pool = time.Hour
	net := chaintest.New(2)
	victim := start(t, net, 0, setup{timing: &often})
	e := &net.Orgs[1].Event
	if err := victim.pool.AddEvent(victim.chain.State(), e, time.Now()); err != nil {
		t.Fatal(err)
	}
	f := newStranger(t, victim)
	offers := f.served(1)
	f.connect()
	for _, which := range []string{"first", "second"} {
		if got := next(t, offers); !slices.Contains(got, e.ID()) {
			t.Errorf("the %s exchange offers %v, without %v", which, got, e.ID())
		}
	}
}
