package node

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/recorder"
	"cairn/node/api"
	"cairn/node/p2p"
)

func TestWhatAnEnrolmentWaitsFor(t *testing.T) {
	for want, w := range map[string]enrolWait{
		"as it stands no node will take it: key-claimed": {problem: "key-claimed: another one", peers: 1},
		"a node of the network, none is connected":       {syncing: true},
		"the network's blocks, 3 of 9 are here":          {peers: 1, syncing: true, height: 3, best: 9},
		"one comes every 30s on average and the last is 1m5s old": {
			peers: 2, interval: 30 * time.Second, tipAge: 65*time.Second + 3*time.Millisecond},
		"the last 6 came without it, as where nodes of the network have a.test or b.test pinned to another key: call": {
			peers: 2, interval: time.Second, passed: 6, domains: []string{"a.test", "b.test"}},
		"pinned to another key, or lack the word of members: call": {peers: 2, passed: 6, domains: []string{"a.test"}, attested: true},
		"the network's blocks, 4 of 9 are here":                    {peers: 1, syncing: true, height: 4, best: 9, passed: 6},
		"the last is 0s old":                                       {peers: 2, interval: 30 * time.Second, tipAge: -time.Second},
	} {
		if got := w.String(); !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", w, got, want)
		}
	}
}

// Blocks from before an enrolment was brought do not pass it over, whenever they come.
func TestBlocksThatPassAnEnrolmentOver(t *testing.T) {
	w := newChanging(t)
	w.blocks(passedOverAfter)
	for _, c := range []struct {
		why    string
		brings func()
		blocks int
		want   bool
	}{
		{"not brought", func() { w.noteBrought(false) }, 0, false},
		{"brought after all blocks", func() { w.noteBrought(true) }, passedOverAfter, false},
		{"brought no more", func() { w.noteBrought(false) }, 0, false},
		{"some blocks later", func() { w.broughtAt.Store(int64(w.chain.State().Time())) }, passedOverAfter - 1, false},
		{"one more", func() { w.noteBrought(true) }, 1, true}, // brought again, as while it waits
	} {
		c.brings()
		w.blocks(c.blocks)
		if got := w.passedOver(w.chain.State()); got != c.want {
			t.Errorf("%s: passed over %v, want %v", c.why, got, c.want)
		}
	}
}

func TestClockStatus(t *testing.T) {
	s := chaintest.New(1).Genesis.State()
	slack := s.Params().ClockSlack()
	for ahead, wrong := range map[time.Duration]bool{-time.Hour: false, 0: false, slack: false, slack + time.Millisecond: true, time.Hour: true} {
		now := chaintest.GenesisTime.Add(-ahead)
		want := api.ClockStatus{Time: now, TipTime: chaintest.GenesisTime, TipAhead: ahead.Seconds(), Wrong: wrong}
		if got := clockStatus(s, now); !reflect.DeepEqual(got, want) {
			t.Errorf("%v ahead: %+v, want %+v", ahead, got, want)
		}
	}
}

// While nothing is recorded, for good or for a while, nothing is recorded in an epoch.
func TestRecordsIn(t *testing.T) {
	for _, tt := range []struct {
		w    recorder.Waiting
		want string
	}{
		{recorder.Waiting{}, ""},
		{recorder.Waiting{Epoch: 7}, "7"},
		{recorder.Waiting{Epoch: 7, Halted: recorder.Halted{Why: "the chain is not here"}}, ""},
		{recorder.Waiting{Epoch: 7, Halted: recorder.Halted{Why: "the node ended", Ends: true}}, ""},
	} {
		if got := recordsIn(&tt.w); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.w, got, tt.want)
		}
	}
}

func TestPeersByOrg(t *testing.T) {
	net := chaintest.New(3)
	s := net.Genesis.State()
	s, _ = consensus.ApplyBlock(s, net.Mine(s, 0, chaintest.Body{Events: net.Enrolments()}))
	node := func(org int) p2p.Peer { return p2p.Peer{Node: consensus.PublicKey(net.Orgs[org].Node)} }
	got := peersByOrg(s, []p2p.Peer{{}, node(2), node(1), {Node: consensus.Key{1}}, node(2)})
	var short []api.OrgPeers
	for _, o := range got {
		short = append(short, api.OrgPeers{Org: o.Org, Nodes: o.Nodes})
		if (o.ID == "") != (o.Org == "") {
			t.Errorf("an id without a name, or the other way: %+v", o)
		}
	}
	want := []api.OrgPeers{{Org: net.Orgs[1].Event.Enrol().Name, Nodes: 1}, {Org: net.Orgs[2].Event.Enrol().Name, Nodes: 2}, {Nodes: 2}}
	if !reflect.DeepEqual(short, want) {
		t.Errorf("got %+v, want %+v", short, want)
	}
}
