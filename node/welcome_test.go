package node

import (
	"testing"
	"time"

	"cairn/consensus"
)

// A node that comes back is taken as back at once; one that comes and goes all the time, ever more
// rarely, and in the end it is.
func TestReturns(t *testing.T) {
	a := consensus.Key{1}
	there, gone := map[consensus.Key]bool{a: true}, map[consensus.Key]bool{}
	r := make(returns)
	now := time.UnixMilli(1_800_000_000_000)
	if due, next := r.look(there, now); len(due) != 1 || !next.IsZero() {
		t.Fatalf("first: %v %v", due, next)
	}
	if due, next := r.look(there, now.Add(time.Hour)); len(due) != 0 || !next.IsZero() {
		t.Errorf("it stays: %v %v", due, next)
	}
	now = now.Add(2 * time.Hour)
	if r.look(gone, now); len(r) != 0 {
		t.Errorf("who is long gone is remembered")
	}
	hurried := 0
	for range 10 * 60 * 20 { // ten minutes, 20 times a second
		due, _ := r.look(there, now)
		hurried += len(due)
		r.look(gone, now)
		now = now.Add(50 * time.Millisecond)
	}
	if hurried < 10 || hurried > 20 {
		t.Errorf("hurried %d times in ten minutes", hurried)
	}
	due, next := r.look(there, now)
	if len(due) == 0 {
		if next.IsZero() || next.After(now.Add(longestGap)) {
			t.Fatalf("it is to be looked for at %v", next)
		}
		if due, _ = r.look(there, next); len(due) != 1 {
			t.Error("it stays, and is not taken as back")
		}
	}
	now = now.Add(time.Hour)
	r.look(gone, now)
	if due, _ := r.look(there, now); len(due) != 1 {
		t.Error("after a calm hour it is not taken as back at once")
	}
}
