package p2p

import (
	"testing"
	"time"

	"cairn/consensus/chain/chaintest"
)

func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		list []time.Duration
		want time.Duration
	}{
		{[]time.Duration{7}, 7},
		{[]time.Duration{9, 1}, 1},
		{[]time.Duration{-9, -1}, -1},
		{[]time.Duration{300, -2, 1}, 1},
		{[]time.Duration{300, 1, 400, -2}, 1},
		{[]time.Duration{300, 500, 400, -2}, 300},
	} {
		if got := middle(c.list); got != c.want {
			t.Errorf("middle of %v is %v, want %v", c.list, got, c.want)
		}
	}
}

// Each organisation has one vote about this node's clock, whatever nodes it has; its own has none,
// and neither have strangers.
func TestClocks(t *testing.T) {
	net := chaintest.New(4)
	late := func(d time.Duration) func() time.Time {
		return func() time.Time { return time.Now().Add(d) }
	}
	quick := fast
	quick.time = 50 * time.Millisecond
	a := start(t, net, 0, setup{timing: &quick})
	a.enrol()
	for i, d := range []time.Duration{time.Hour, time.Hour, -time.Second} {
		start(t, net, i+1, setup{bootstrap: a.Addrs(), now: late(d)})
	}
	eventually(t, "three votes", func() bool { return a.Clocks().Votes == 3 })
	if c := a.Clocks(); (c.Ahead - time.Hour).Abs() > time.Minute {
		t.Errorf("two of three clocks are an hour ahead: %+v", c)
	}
	stranger := startAs(t, net, chaintest.New(9).Orgs[8].Node, setup{bootstrap: a.Addrs(), now: late(time.Hour)})
	eventually(t, "a stranger", func() bool { return len(stranger.Peers()) > 0 && len(a.Peers()) == 4 })
	if c := a.Clocks(); c.Votes != 3 {
		t.Errorf("a stranger has a vote: %+v", c)
	}
}
