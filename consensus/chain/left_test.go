package chain

import (
	"errors"
	"testing"

	"cairn/mailstore/diskroom"
)

// What the last reorganisation left is there for followers also when the node was started anew, and
// when that finished the reorganisation.
func TestLeftBlocksAreSparedAfterARestart(t *testing.T) {
	for _, whole := range []bool{true, false} {
		net, m, branch, end := fork(t)
		was, last := m.Tip(), len(branch)-1
		b := m.NewBranch()
		if err := errors.Join(b.Add(headlines(branch), late), b.Check()); err != nil {
			t.Fatal(err)
		}
		mustAdd(t, m, SideBranch, branch[:last]...)
		if whole {
			mustAdd(t, m, Reorganised, branch[last])
		} else {
			m.stepLimit = 1
			writes := 10
			m.room = func(int64) error {
				if writes--; writes < 0 {
					return diskroom.ErrFull
				}
				return nil
			}
			if _, err := m.AddBlock(branch[last], late); !errors.Is(err, diskroom.ErrFull) {
				t.Fatalf("a reorganisation without room for it: %v", err)
			}
		}
		again, err := OpenStore(m.store, net.Genesis, m.log)
		if err != nil {
			t.Fatal(err)
		}
		if !again.State().Equal(end) {
			t.Fatalf("whole %v: the tip is %v", whole, again.Tip())
		}
		again.limits = sideLimits{}
		own, _ := net.Chain(again.State(), 1)
		mustAdd(t, again, Extended, own...)
		if reverted, _, err := again.UpdatesSince(was, 100); err != nil || len(reverted) != 45 {
			t.Errorf("whole %v: a follower that stands on the former tip %v reverts %d (%v)", whole, was, len(reverted), err)
		}
		again.leftUntil = 0
		own, _ = net.Chain(again.State(), 1)
		mustAdd(t, again, Extended, own...)
		if _, _, err := again.UpdatesSince(was, 100); !errors.Is(err, ErrUnknownIndex) {
			t.Errorf("whole %v: the former tip when it is spared no more: %v", whole, err)
		}
	}
}
