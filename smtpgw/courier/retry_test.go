package courier

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"cairn/smtpgw/client"
)

// A node that has come back gets all that waits for it at once: also right after it could not be
// reached, and what was on its way to it when it came.
func TestRetryAfterFailure(t *testing.T) {
	for name, failed := range map[string]bool{"under way": false, "failed": true} {
		t.Run(name, func(t *testing.T) { testRetryAfterFailure(t, failed) })
	}
}

func testRetryAfterFailure(t *testing.T, failed bool) {
	far := farNode(t)
	n := nearNode(t, far)
	n.courier.cfg.Sending.FirstRetry, n.courier.cfg.Sending.MaxRetry = time.Hour, time.Hour
	var up atomic.Bool
	dialing, fail := make(chan bool), make(chan bool)
	n.courier.router = routes{"far.example": client.Route{Dial: func(ctx context.Context, d string) (net.Conn, error) {
		if up.Load() {
			return tcp(far.addr)(ctx, d)
		}
		for _, c := range []chan bool{dialing, fail} {
			select {
			case c <- true:
			case <-ctx.Done():
			}
		}
		return nil, errors.New("nobody answers")
	}}}
	const mails = 40
	for range mails {
		n.send(t, "user@local.example", mailText("late"), "bob@far.example")
	}
	sealAll(t, n.store, n.queue)
	n.run(t)
	<-dialing
	if failed {
		<-fail
		waitFor(t, func() bool { deferred, err := n.queue.LenDeferred(); return err == nil && deferred > 0 })
	}
	up.Store(true)
	if err := n.queue.RetryDomain(t.Context(), "far.example"); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			select {
			case <-fail:
			case <-dialing:
			case <-t.Context().Done():
				return
			}
		}
	}()
	n.drained(t)
	if got := len(inboxOf(t, far.store, "bob@far.example", "inbox")); got != mails {
		t.Errorf("%d arrived", got)
	}
}
