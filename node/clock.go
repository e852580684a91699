package node

import (
	"context"
	"fmt"
	"time"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/p2p"
)

// clockEvery is how often the clock is looked at.
const clockEvery = time.Second

// clockWatch finds out whether this machine's clock is wrong: by its being set while the node runs,
// by blocks, and by what other organisations' clocks say, who may be wrong or lie, so that it is
// said whose word it is. Beyond the slack that blocks have, others refuse what bears its time. What
// others say stops nothing; but when it bears this clock out, that counts for more than its having
// been set, and so does the kernel's word that a time service keeps it. Its word that none does
// stops nothing: on many machines it is so for years, with a clock that is right.
type clockWatch struct {
	slack   time.Duration
	wall    time.Time     // when it was looked at last, as the clock has it
	running time.Duration // and how long ago the program had been started, sleep of the machine included
	step    time.Duration // by how much it has been set since the start, both ways summed
	stepAt  time.Time     // when it was set last, by the clock as it was then; zero: never
	setBack int           // how often it was set back since the start
	hurried int           // and how often that was when the mail that it had put off was seen to
	kept    bool          // by a time service, within the slack, as the kernel says
}

// look takes in what the clock says so long after the program was started.
func (w *clockWatch) look(wall time.Time, running time.Duration) {
	if !w.wall.IsZero() {
		if step := wall.Sub(w.wall) - (running - w.running); step.Abs() > w.slack {
			w.step, w.stepAt = w.step+step, wall
			if step < 0 {
				w.setBack++
			}
		}
	}
	w.wall, w.running = wall, running
}

// clockFinding is why a clock seems to be wrong: in words, and by whose word. What this node sees
// for itself stops what goes by the clock.
type clockFinding struct {
	by, text string
	stops    bool
}

// right reports whether others, or the kernel, bear this clock out.
func (w *clockWatch) right(others p2p.Clocks) bool {
	return w.kept || others.Votes > 0 && others.Ahead.Abs() <= w.slack
}

// findings says what is wrong; nil if nothing is known to be.
func (w *clockWatch) findings(s *consensus.State, now time.Time, others p2p.Clocks) (list []clockFinding) {
	right := w.right(others)
	find := func(by string, stops bool, format string, args ...any) {
		list = append(list, clockFinding{by, fmt.Sprintf(format, args...), stops})
	}
	if w.step.Abs() > w.slack && !right {
		find("itself", true, "it was set %s by %v while the node was running, last at %s; mining and what is too old by it wait until it is set back, "+
			"or others bear it out, or the node is started anew", way(w.step), w.step.Abs().Round(time.Second), w.stepAt.UTC().Format(time.RFC3339))
	}
	if ahead, wrong := tipAhead(s, now); wrong {
		find("blocks", !right, "the last block is %v ahead: this clock is behind, or that of whoever made the block was ahead; mining waits", ahead.Round(time.Second))
	}
	if others.Votes > 0 && others.Ahead.Abs() > w.slack {
		find("others", false, "by the clocks of other organisations (%d asked) it is %v %s", others.Votes, others.Ahead.Abs().Round(time.Second), behindOrAhead(others.Ahead))
	}
	return list
}

// tipAhead is how far the last block is ahead of a clock; wrong: by more than a block may be.
func tipAhead(s *consensus.State, now time.Time) (ahead time.Duration, wrong bool) {
	ahead = unixMilli(s.Time()).Sub(now)
	return ahead, ahead > s.Params().ClockSlack()
}

// leaves reports whether blocks of our own that are ahead of this clock can be taken for those of a
// clock that was wrong: it was set back to what it was, or others bear it out.
func (w *clockWatch) leaves(others p2p.Clocks) bool {
	return w.right(others) || !w.stepAt.IsZero() && w.step.Abs() <= w.slack
}

func way(step time.Duration) string {
	if step < 0 {
		return "back"
	}
	return "forward"
}

func behindOrAhead(others time.Duration) string {
	if others < 0 {
		return "ahead"
	}
	return "behind"
}

// watchClock says in the log when something about the clock is found, and when it is well again. It
// leaves the blocks that this node made while it was ahead.
func (n *Node) watchClock(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	told := map[string]bool{}
	var hurry, left, copies said
	for {
		_, found, leave := n.lookAtClock()
		now := map[string]bool{}
		for _, f := range found {
			if now[f.by] = true; !told[f.by] {
				n.log.Warn("this machine's clock seems to be wrong: see to its time service", "finding", f.text)
			}
		}
		if len(now) == 0 && len(told) > 0 {
			n.log.Info("nothing is known any more to be wrong with this machine's clock; what waited goes on")
		}
		told = now
		if err := n.hurry(ctx, n.queue.RetryAll); hurry.news(err) && ctx.Err() == nil {
			n.log.Warn("mail that was put off by another clock could not be hurried, trying again", "err", err)
		}
		var err error
		if leave {
			_, err = n.chain.LeaveFuture(n.hasRecorder, n.now())
		}
		if left.news(err) {
			n.log.Error("blocks that are ahead of the clock could not be left, trying again", "err", err)
		}
		if err := n.copies.keep(); copies.news(err) {
			n.log.Error("a copy of this node was found, which could not be noted, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// hurry tries mail that the clock has put off as it was before it was set back, until that has been
// done.
func (n *Node) hurry(ctx context.Context, retryAll func(context.Context) (int, error)) error {
	n.clockMu.Lock()
	back, hurried := n.clock.setBack, n.clock.hurried
	n.clockMu.Unlock()
	if back == hurried {
		return nil
	}
	if _, err := retryAll(ctx); err != nil {
		return err
	}
	n.clockMu.Lock()
	defer n.clockMu.Unlock()
	n.clock.hurried = back
	return nil
}

// lookAtClock compares the clock with itself, the chain and the clocks of others. leave: there are
// blocks ahead of it, and it is not what is wrong.
func (n *Node) lookAtClock() (c api.ClockStatus, found []clockFinding, leave bool) {
	n.clockMu.Lock()
	defer n.clockMu.Unlock()
	s, now := n.chain.State(), n.now().Round(0)
	n.clock.slack = s.Params().ClockSlack()
	n.clock.look(now, n.elapsed.now())
	others := n.host.Clocks()
	c = clockStatus(s, now)
	n.clock.kept, c.Kernel = n.kernelSays(n.clock.slack)
	c.Votes, c.OthersAhead = others.Votes, others.Ahead.Truncate(time.Millisecond).Seconds()
	found = n.clock.findings(s, now, others)
	c.Findings = make([]string, len(found))
	for i, f := range found {
		c.Findings[i], c.Waiting = f.text, c.Waiting || f.stops
	}
	ahead := s.HeaderState().LatestTime() > consensus.LatestBlockTime(s.Params(), now)
	return c, found, ahead && n.clock.leaves(others)
}

// kernelSays is the kernel's word about this node's clock, if that is the kernel's.
func (n *Node) kernelSays(slack time.Duration) (kept bool, word string) {
	if n.otherClock {
		return false, ""
	}
	switch synchronised, within, known := kernelClock(); {
	case !known:
		return false, ""
	case synchronised:
		return within <= slack, "synchronised"
	}
	return false, "not synchronised"
}

// distrustClock reports whether this machine's clock is known to be wrong.
func (n *Node) distrustClock() bool {
	c, _, _ := n.lookAtClock()
	return c.Waiting
}
