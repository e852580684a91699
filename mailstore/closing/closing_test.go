package closing

import (
	"sync/atomic"
	"testing"
)

func TestGate(t *testing.T) {
	var g Gate
	for range 2 {
		if !g.Enter() {
			t.Fatal("an open gate is shut")
		}
	}
	g.Fork()
	g.Leave()
	var left atomic.Int32
	for range 2 {
		go func() {
			left.Add(1)
			g.Leave()
		}()
	}
	if !g.Close() || g.Close() {
		t.Error("the first Close is not told from the second")
	}
	if g.Enter() {
		t.Error("a closed gate lets somebody in")
	}
	if g.Alone(func() { t.Error("alone behind a closed gate") }) {
		t.Error("a closed gate says that it is open")
	}
	if g.Wait(); left.Load() != 2 {
		t.Errorf("Wait did not wait: %d of 2 have left", left.Load())
	}
}

func TestAlone(t *testing.T) {
	var g Gate
	g.Enter()
	var left atomic.Bool
	go func() {
		left.Store(true)
		g.Leave()
	}()
	if !g.Alone(func() {
		if !left.Load() {
			t.Error("somebody is inside")
		}
	}) || !g.Enter() {
		t.Error("the gate is not open")
	}
	g.Leave()
}
