package textroom

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParts(t *testing.T) {
	whole := New(100)
	most, one := whole.Part(75), whole.Part(100)
	peer := most.Part(50)
	for _, tt := range []struct {
		room *Room
		take int64
		want bool
		used int64 // of the whole
	}{
		{peer, 51, false, 0},
		{peer, 40, true, 40},
		{peer, 11, false, 40},
		{most, 36, false, 40},
		{most, 35, true, 75},
		{peer, 1, false, 75},
		{one, 26, false, 75},
		{one, 25, true, 100},
		{one, 0, true, 100},
	} {
		if got := tt.room.Try(tt.take); got != tt.want || whole.Used() != tt.used {
			t.Fatalf("%d of a room of %d: %t, %d used; want %t, %d", tt.take, tt.room.Max(), got, whole.Used(), tt.want, tt.used)
		}
	}
	peer.Give(40)
	if whole.Used() != 60 || most.Used() != 35 || peer.Used() != 0 {
		t.Errorf("%d, %d and %d are used", whole.Used(), most.Used(), peer.Used())
	}
}

// waiters waits until so many wait.
func (r *Room) waiters(n int) {
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		r.lot.mu.Lock()
		have := len(r.lot.waiting)
		r.lot.mu.Unlock()
		if have == n {
			tick.Stop()
			return
		}
	}
}

// TestOrder: who came first is served first, whoever wants less; who wants of another part does not
// wait for it; and who ends its wait leaves the place to the next.
func TestOrder(t *testing.T) {
	whole := New(100)
	part, other := whole.Part(60), whole.Part(100)
	if !part.Try(50) {
		t.Fatal("an empty room is full")
	}
	order := make(chan int64, 3)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := part.Take(ctx, 30)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		order <- -1
	}()
	part.waiters(1)
	for i, n := range []int64{25, 5} {
		go func() {
			got, err := part.Take(t.Context(), n)
			if err != nil {
				t.Error(err)
			}
			order <- got
		}()
		part.waiters(2 + i)
	}
	if _, err := other.Take(t.Context(), 20); err != nil { // passes them
		t.Fatal(err)
	}
	if !part.Try(5) || part.Try(6) { // who holds some need not wait behind who waits for it
		t.Error("more is not to be had")
	}
	part.Give(5)
	cancel()
	if got := <-order; got != -1 {
		t.Fatalf("%d was given out of turn", got)
	}
	part.waiters(2) // 25 has not room, and 5 does not overtake it
	part.Give(50)
	if a, b := <-order, <-order; a+b != 30 {
		t.Errorf("given %d and %d", a, b)
	}
	if part.Used() != 30 || whole.Used() != 50 {
		t.Errorf("%d and %d are used", part.Used(), whole.Used())
	}
}

// TestLargerThanTheRoom: it has the room for itself.
func TestLargerThanTheRoom(t *testing.T) {
	whole := New(100)
	part := whole.Part(200)
	got, err := part.Take(t.Context(), 1000)
	if got != 100 || err != nil {
		t.Fatalf("%d, %v", got, err)
	}
	part.Give(got)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if !whole.Try(1) {
		t.Fatal("not all was given back")
	}
	if got, err := part.Take(done, 1000); got != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", got, err)
	}
}

// TestNeverMore: whatever is done at the same time, no room is overdrawn and all comes back.
func TestNeverMore(t *testing.T) {
	whole := New(1000)
	parts := []*Room{whole, whole.Part(500), whole.Part(700)}
	var high atomic.Int64
	whole.Watch(func(used int64) { high.Store(max(high.Load(), used)) })
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 500 {
				part, n := parts[r.IntN(len(parts))], r.Int64N(400)
				if r.IntN(2) == 0 {
					if part.Try(n) {
						part.Give(n)
					}
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(200))*time.Microsecond)
				if got, err := part.Take(ctx, n); err == nil {
					part.Give(got)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if high.Load() > 1000 {
		t.Errorf("%d of 1000 were used", high.Load())
	}
	for _, r := range parts {
		if r.Used() != 0 {
			t.Errorf("%d are still used", r.Used())
		}
	}
	if len(whole.lot.waiting) != 0 {
		t.Errorf("%d still wait", len(whole.lot.waiting))
	}
}

// TestLacking: which room is the one that is full.
func TestLacking(t *testing.T) {
	whole := New(100)
	most := whole.Part(60)
	peer, other := most.Part(40), most.Part(40)
	if !peer.Try(40) || !whole.Part(100).Try(30) {
		t.Fatal("there is no room")
	}
	for _, tt := range []struct {
		room *Room
		n    int64
		want *Room
	}{{peer, 0, nil}, {peer, 1, peer}, {other, 20, nil}, {other, 21, most}, {whole, 31, whole}, {other, 41, other}} {
		if got := tt.room.Lacking(tt.n); got != tt.want {
			t.Errorf("%d more in a room of %d: %+v", tt.n, tt.room.Max(), got)
		}
	}
	if !peer.Within(peer) || !peer.Within(whole) || peer.Within(other) || whole.Within(peer) {
		t.Error("what is a part of what")
	}
}
