package node

import (
	"strings"
	"testing"
	"time"

	"cairn/consensus/chain/chaintest"
	"cairn/node/p2p"
)

// TestClockWatch looks once a second at a clock that is set now and then.
func TestClockWatch(t *testing.T) {
	s := chaintest.New(1).Genesis.State()
	slack := s.Params().ClockSlack()
	start := chaintest.GenesisTime.Add(time.Hour)
	for _, c := range []struct {
		why   string
		steps map[int]time.Duration // by the second in which the clock is set
		other p2p.Clocks
		want  []string // what is said after ten seconds
	}{
		{"a clock that runs", nil, p2p.Clocks{Votes: 3, Ahead: slack}, nil},
		{"a small step", map[int]time.Duration{4: slack}, p2p.Clocks{}, nil},
		{"ten years forward", map[int]time.Duration{4: 87600 * time.Hour}, p2p.Clocks{}, []string{"set forward by 87600h0m0s"}},
		{"set right", map[int]time.Duration{4: 2 * time.Hour}, p2p.Clocks{Votes: 1, Ahead: -time.Second / 2}, nil},
		{"and back again", map[int]time.Duration{4: 87600 * time.Hour, 7: -87600 * time.Hour}, p2p.Clocks{}, nil},
		{"two hours back", map[int]time.Duration{4: -2 * time.Hour}, p2p.Clocks{},
			[]string{"set back by 2h0m0s", "the last block is 59m50s ahead"}},
		{"wrong from the start", nil, p2p.Clocks{Votes: 2, Ahead: -5 * time.Minute}, []string{"(2 asked) it is 5m0s ahead"}},
		{"behind all others", nil, p2p.Clocks{Votes: 1, Ahead: time.Hour}, []string{"(1 asked) it is 1h0m0s behind"}},
	} {
		w := clockWatch{slack: slack}
		wall := start
		for second := range 11 {
			w.look(wall, time.Duration(second)*time.Second)
			wall = wall.Add(time.Second + c.steps[second])
		}
		got := w.findings(s, w.wall, c.other)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i].text, c.want[i]) {
				t.Errorf("%s: %q, want %q", c.why, got[i], c.want[i])
			}
		}
	}
}
