package node

import (
	"context"
	"errors"
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
		{"borne out by others", map[int]time.Duration{4: -2 * time.Hour}, p2p.Clocks{Votes: 1}, []string{"the last block is 59m50s ahead"}},
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
			t.Errorf("%s: %+v, want %q", c.why, got, c.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i].text, c.want[i]) {
				t.Errorf("%s: %+v, want %q", c.why, got[i], c.want[i])
			}
		}
	}
}

// What this node sees for itself stops mining and expiry; what others say does not. Blocks of our
// own that are ahead of the clock are left when it is not the clock that is wrong.
func TestClockStops(t *testing.T) {
	s := chaintest.New(1).Genesis.State()
	slack := s.Params().ClockSlack()
	for _, c := range []struct {
		why           string
		steps         []time.Duration // at the second look, the third and so on
		start         time.Duration   // at the first, after the last block
		other         p2p.Clocks
		kept          bool // by a time service, as the kernel says
		stops, leaves bool
	}{
		{why: "set by a time service", start: time.Hour, steps: []time.Duration{5 * time.Minute}, kept: true, leaves: true},
		{why: "a clock that runs", start: time.Hour},
		{why: "set forward", start: time.Hour, steps: []time.Duration{5 * time.Minute}, stops: true},
		{why: "set back", start: time.Hour, steps: []time.Duration{-5 * time.Minute}, stops: true},
		{why: "set forward and back", start: time.Hour, steps: []time.Duration{5 * time.Minute, -5 * time.Minute}, leaves: true},
		{why: "set forward, others say so too", start: time.Hour, steps: []time.Duration{5 * time.Minute}, other: p2p.Clocks{Votes: 1, Ahead: -5 * time.Minute}, stops: true},
		{why: "set right, by others", start: time.Hour, steps: []time.Duration{5 * time.Minute}, other: p2p.Clocks{Votes: 1}, leaves: true},
		{why: "others say that it is wrong", start: time.Hour, other: p2p.Clocks{Votes: 5, Ahead: time.Hour}},
		{why: "others bear it out", start: time.Hour, other: p2p.Clocks{Votes: 5, Ahead: time.Second}, leaves: true},
		{why: "behind the last block", start: -time.Hour, stops: true},
		{why: "behind the last block, and others bear it out", start: -time.Hour, other: p2p.Clocks{Votes: 1}, leaves: true},
	} {
		w, wall := clockWatch{slack: slack, kept: c.kept}, chaintest.GenesisTime.Add(c.start)
		w.look(wall, 0)
		for i, step := range c.steps {
			wall = wall.Add(time.Second + step)
			w.look(wall, time.Duration(i+1)*time.Second)
		}
		stops := false
		for _, f := range w.findings(s, wall, c.other) {
			stops = stops || f.stops
		}
		if leaves := w.leaves(c.other); stops != c.stops || leaves != c.leaves {
			t.Errorf("%s: stops %v, leaves %v", c.why, stops, leaves)
		}
	}
}

// Mail that a clock has put off is hurried until that has been done, and once for each time that it
// was set back.
func TestHurriedUntilDone(t *testing.T) {
	n := &Node{}
	n.clock.slack = time.Minute
	full := errors.New("the disk is full")
	calls := 0
	for i, step := range []struct {
		step   time.Duration // by which the clock is set before
		during time.Duration // and while mail is hurried
		fails  error
		calls  int // so far
	}{
		{calls: 0},
		{step: time.Hour, calls: 0},
		{step: -time.Hour, fails: full, calls: 1},
		{fails: full, calls: 2},
		{calls: 3},
		{calls: 3},
		{step: -time.Hour, during: -time.Hour, calls: 4},
		{calls: 5},
		{calls: 5},
	} {
		set := func(step time.Duration) {
			n.clock.look(n.clock.wall.Add(time.Second+step), n.clock.running+time.Second)
		}
		if i == 0 {
			n.clock.look(time.Now(), 0)
		}
		set(step.step)
		err := n.hurry(t.Context(), func(context.Context) (int, error) {
			calls++
			set(step.during)
			return 0, step.fails
		})
		if !errors.Is(err, step.fails) || calls != step.calls {
			t.Errorf("step %d: %v, hurried %d times", i, err, calls)
		}
	}
}

// A machine that sleeps is not one whose clock is set.
func TestClockOfSleepers(t *testing.T) {
	s := chaintest.New(1).Genesis.State()
	start := chaintest.GenesisTime.Add(time.Hour)
	const hours = time.Hour
	for _, c := range []struct {
		why   string
		wall  time.Duration // that went by on the clock
		awake time.Duration // and while the machine was awake
		boot  time.Duration // and since it was booted
		known bool          // boot is
		want  string
	}{
		{"a machine that runs", 8 * hours, 8 * hours, 8 * hours, true, ""},
		{"asleep for 8 hours", 8*hours + 1, time.Second, 8*hours + time.Second, true, ""},
		{"set ahead by 8 hours", 8*hours + time.Second, time.Second, time.Second, true, "set forward by 8h0m0s"},
		{"asleep for 8 hours, and set back meanwhile", 6 * hours, time.Second, 8 * hours, true, "set back by 2h0m0s"},
		{"asleep, and the machine does not say so", 8 * hours, time.Second, 8 * hours, false, "set forward by 7h59m59s"},
	} {
		w := clockWatch{slack: s.Params().ClockSlack()}
		e := elapsed{start: time.Now(), boot: 3 * hours, known: c.known}
		w.look(start, e.at(e.start, e.boot, c.known))
		w.look(start.Add(c.wall), e.at(e.start.Add(c.awake), e.boot+c.boot, c.known))
		got := ""
		for _, f := range w.findings(s, w.wall, p2p.Clocks{}) {
			got += f.text
		}
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
	e := newElapsed(time.Now())
	if d := e.now(); d < 0 || d > time.Hour {
		t.Errorf("%v went by", d)
	}
}
