package pace

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var (
	start  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	errOff = errors.New("refused")
	usual  = Config{Sessions: 4, Grow: time.Minute, First: 5 * time.Second, Longest: time.Minute}
)

// goes asks so often until it has to wait, and says how often it may go.
func goes(t *Table, hosts string, now time.Time) (n int) {
	for {
		if a, _ := t.Ask(hosts, "d", 0, now); a != Go {
			return n
		}
		t.Opened(hosts)
		n++
	}
}

// Domains share a bound; it is halved at each word of the hosts, once a second, and grows back.
func TestBound(t *testing.T) {
	tb, now := New(usual), start
	if got := goes(tb, "a", now); got != 4 {
		t.Fatalf("%d sessions at first", got)
	}
	if got := goes(tb, "b", now); got != 4 {
		t.Fatalf("%d sessions with others", got)
	}
	now = now.Add(2 * time.Second)
	tb.Slow("a", now)
	tb.Slow("a", now)
	for range 4 {
		tb.Closed("a")
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {59 * time.Second, 0}, {time.Second, 1}, {time.Minute, 1}, {time.Hour, 0}} {
		now = now.Add(tt.after)
		if got := goes(tb, "a", now); got != tt.want {
			t.Errorf("%v: %d more sessions, want %d", now.Sub(start), got, tt.want)
		}
	}
	for range 10 {
		now = now.Add(2 * time.Second)
		tb.Slow("a", now)
	}
	for range 4 {
		tb.Closed("a")
	}
	if got := goes(tb, "a", now); got != 1 {
		t.Errorf("%d sessions after many words, want 1", got)
	}
}

// Of 300 domains at hosts that cannot be reached one finds that out, and one after each pause.
func TestPause(t *testing.T) {
	tb := New(usual)
	tried := func(now time.Time, open bool) (n int) {
		for i := range 300 {
			a, why := tb.Ask("a", fmt.Sprint(i), 0, now)
			switch {
			case a == Paused && why != errOff:
				t.Fatalf("paused for %v", why)
			case a == Go && open:
				tb.Opened("a")
				tb.Closed("a")
				n++
			case a == Go:
				tb.Failed("a", errOff, now)
				n++
			}
		}
		return n
	}
	now := start
	for _, pause := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute} {
		if got := tried(now, false); got != 1 {
			t.Fatalf("%v: %d attempts, want 1", now.Sub(start), got)
		}
		if got := tried(now.Add(pause-1), false); got != 0 {
			t.Fatalf("%v: %d attempts within the pause of %v", now.Sub(start), got, pause)
		}
		now = now.Add(pause)
	}
	if got := tried(now, true); got != 300 {
		t.Errorf("%d go when one could be reached again, want all", got)
	}
}

// While one finds out whether a pause was long enough the others wait for that; who is tried by
// hand does not; an attempt that says nothing lets the next one find out.
func TestProbe(t *testing.T) {
	tb, now := New(usual), start
	ask := func(domain string, round uint64) Answer {
		a, _ := tb.Ask("a", domain, round, now)
		return a
	}
	if ask("x", 0) != Go || ask("y", 0) != Go {
		t.Fatal("two at first")
	}
	tb.Failed("a", errOff, now)
	if ask("z", 0) != Paused {
		t.Fatal("no pause while another attempt is under way")
	}
	tb.Failed("a", errOff, now) // which is no reason for a longer one
	if ask("x", 0) != Paused || ask("y", 0) != Paused {
		t.Fatal("all failed")
	}
	if ask("x", 1) != Go {
		t.Error("by hand it is not tried")
	}
	tb.GivenUp("a")
	now = now.Add(5 * time.Second)
	if ask("x", 1) != Go || ask("y", 0) != Paused {
		t.Error("after the pause one goes")
	}
	tb.GivenUp("a")
	if ask("y", 0) != Go {
		t.Error("the next one does not go")
	}
	tb.Failed("a", errOff, now)
	now = start.Add(-time.Hour)
	if ask("y", 0) != Go {
		t.Error("a clock that was set back makes the pause longer")
	}
}

// Of what is tried by hand one attempt finds out for all of the domain: they wait for it, and are
// paused only if it fails too. One that says nothing is followed by the next.
func TestProbeByHand(t *testing.T) {
	tb, now := New(usual), start
	ask := func(domain string, round uint64) (Answer, error) { return tb.Ask("a", domain, round, now) }
	for _, domain := range []string{"x", "y"} {
		ask(domain, 0)
	}
	tb.Failed("a", errOff, now)
	tb.Failed("a", errOff, now)
	for _, domain := range []string{"x", "y"} {
		ask(domain, 0)
	}
	if a, _ := ask("x", 1); a != Go {
		t.Fatalf("the first is answered %d", a)
	}
	if a, _ := ask("x", 1); a != Wait {
		t.Errorf("the second does not wait for the first: %d", a)
	}
	if a, _ := ask("y", 0); a != Paused {
		t.Errorf("another domain, which nobody has tried, is answered %d", a)
	}
	tb.GivenUp("a")
	if a, _ := ask("x", 1); a != Go {
		t.Errorf("after an attempt that says nothing the next is answered %d", a)
	}
	if a, _ := ask("x", 1); a != Wait {
		t.Errorf("and the one behind it %d", a)
	}
	errStill := errors.New("refused again")
	tb.Failed("a", errStill, now)
	if a, why := ask("x", 1); a != Paused || why != errStill {
		t.Errorf("after one that failed: %d for %v", a, why)
	}
	if a, _ := ask("x", 2); a != Go {
		t.Errorf("by hand again: %d", a)
	}
	tb.Opened("a")
	for range usual.Sessions - 1 {
		if a, _ := ask("x", 2); a != Go {
			t.Errorf("where one got through the next is answered %d", a)
		}
	}
}

// Hosts with which there is a session are not away, whatever becomes of the next one.
func TestFailedBesideSession(t *testing.T) {
	tb := New(usual)
	for range 2 {
		tb.Ask("a", "d", 0, start)
	}
	tb.Opened("a")
	tb.Failed("a", errOff, start)
	if got := goes(tb, "a", start); got != 1 {
		t.Errorf("%d more sessions, want 1: two in all", got)
	}
}

// However many sets there were, what is kept is bounded; sessions are not forgotten.
func TestRoom(t *testing.T) {
	tb := New(usual)
	tb.Ask("busy", "d", 0, start)
	for i := range 3 * maxSets {
		hosts := fmt.Sprint(i)
		tb.Ask(hosts, "d", 0, start)
		tb.Failed(hosts, errOff, start)
	}
	if len(tb.sets) > maxSets {
		t.Errorf("%d sets are kept", len(tb.sets))
	}
	tb.Opened("busy")
	tb.Closed("busy")
}
