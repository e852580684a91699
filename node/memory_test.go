package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"cairn/node/api"
)

// TestTrim: memory goes back to the system after much of it was in use, several times, and not for
// little.
func TestTrim(t *testing.T) {
	m := newMemory(25 << 20)
	freed := make(chan struct{}, 2*len(trims))
	m.free, m.after = func() { freed <- struct{}{} }, time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.trim(ctx) }()
	if !m.incoming.Try(muchText - 1) {
		t.Fatal("no room")
	}
	m.incoming.Give(muchText - 1)
	if len(m.busy) != 0 {
		t.Error("little counts for much")
	}
	if !m.apart.Try(muchText) {
		t.Fatal("no room")
	}
	m.apart.Give(muchText)
	for range trims {
		<-freed
	}
	m.incoming.Try(muchText)
	m.incoming.Give(muchText)
	<-freed // from the first one on
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestHold: who sends from here when too much is coming in is told so.
func TestHold(t *testing.T) {
	n := &Node{memory: newMemory(25 << 20)}
	release, err := n.Hold(t.Context(), 1<<40) // as much as there is
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Hold(ended, 1)
	var refusal *api.Error
	if !errors.As(err, &refusal) || refusal.Code != api.CodeTryLater || refusal.Hint == "" {
		t.Errorf("without room: %v", err)
	}
	if release(); n.memory.incoming.Used() != 0 {
		t.Error("not all is given back")
	}
	if release, err = n.Hold(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	release()
}
