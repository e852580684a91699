package courier

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
)

func unseal(t testing.TB, n *node, id uint64) {
	t.Helper()
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return n.queue.Unseal(tx, id) })
	if err != nil {
		t.Fatal(err)
	}
}

// What is held does not leave; with its token taken back it waits for another one, and leaves with
// that.
func TestTokenTakenBack(t *testing.T) {
	far := farNode(t)
	n := nearNode(t, far)
	n.send(t, "user@local.example", mailText("anew"), "bob@far.example")
	n.send(t, "user@local.example", mailText("held"), "bob@far.example")
	n.send(t, "user@local.example", mailText("free"), "bob@far.example")
	for range len(n.queue.Wake()) {
		<-n.queue.Wake()
	}
	if free := n.queue.Hold([]uint64{1, 2}); !slices.Equal(free, []uint64{1, 2}) {
		t.Fatalf("%v can be held", free)
	}
	if !n.queue.Held(1) || !n.queue.Held(2) || n.queue.Held(3) || n.queue.LenHeld() != 2 {
		t.Errorf("%d are held", n.queue.LenHeld())
	}
	n.run(t)
	waitFor(t, func() bool { return n.queued(t) == 2 })
	unseal(t, n, 1)
	select {
	case <-n.queue.Wake():
	default:
		t.Error("the sealer was not woken")
	}
	waiting, sealed := must(n.queue.Unsealed(0, 10))(t), must(n.queue.Sealed(0, 10))(t)
	if !slices.Equal(ids(waiting), []uint64{1}) || waiting[0].Token != nil || !slices.Equal(ids(sealed), []uint64{2}) {
		t.Fatalf("unsealed %v, sealed %v", ids(waiting), ids(sealed))
	}
	unseal(t, n, 1) // of no effect
	if err := n.queue.Drop(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return n.queue.Unseal(tx, 2) })
	if !errors.Is(err, outbox.ErrGone) {
		t.Errorf("error %v of a dropped entry", err)
	}
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return n.queue.Seal(tx, 1, []byte("Cairn-Record: another\r\n")) })
	if err != nil {
		t.Fatal(err)
	}
	n.queue.Release([]uint64{1, 2})
	waitFor(t, func() bool { return n.queued(t) == 0 })
	if n.queue.LenHeld() != 0 {
		t.Errorf("%d are held", n.queue.LenHeld())
	}
	got := inboxOf(t, far.store, "bob@far.example", "inbox")
	if len(got) != 2 || !strings.Contains(got[1], "Cairn-Record: another\r\n") {
		t.Errorf("arrived %q", got)
	}
}

// What is on its way cannot be held until the attempt has ended.
func TestNotHeldWhileUnderWay(t *testing.T) {
	n := nearNode(t, nil)
	dialling, fail := make(chan bool), make(chan bool)
	n.courier.router = routes{"far.example": client.Route{Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		for _, step := range []chan bool{dialling, fail} {
			select {
			case step <- true:
			case <-ctx.Done():
			}
		}
		return nil, errors.New("no answer")
	}}}
	n.send(t, "user@local.example", mailText("on its way"), "bob@far.example")
	n.run(t)
	<-dialling
	if free := n.queue.Hold([]uint64{1}); free != nil {
		t.Fatalf("%v can be held", free)
	}
	<-fail
	waitFor(t, func() bool { return len(n.queue.Hold([]uint64{1})) == 1 })
	n.queue.Release([]uint64{1})
	<-dialling // the next attempt
	<-fail
}
