package courier

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
)

// unheard is a connection that breaks when the other side's reply to a text comes, which is lost.
type unheard struct {
	net.Conn
	texted atomic.Bool
	lost   func()
}

func (d *unheard) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("BDAT ")) {
		d.texted.Store(true)
	}
	return d.Conn.Write(b)
}

func (d *unheard) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	if text := string(b[:n]); d.texted.Load() && strings.Contains(text, "accepted and stored") {
		d.lost()
		d.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// sealAs gives the waiting entries tokens that can be read.
func sealAs(t testing.TB, n *node) {
	t.Helper()
	es, err := n.queue.Unsealed(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		for _, e := range es {
			draft := recorder.NewDraft(record.Secret{byte(e.ID)}, []byte(mailText("queued")), e.Recipients, record.Wish{}, time.Now())
			_, tokens := recorder.Tokens(key, recorder.Place{Chain: 1, Epoch: 1, Seq: e.ID}, []recorder.Draft{draft})
			if err := n.queue.Seal(tx, e.ID, tokens[0].Header()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// After a reply was lost the peer is asked. What it has is not sent again, what it has not is, and
// where it does not know it gets the mail again, and nobody outside does.
func TestAskedAfterALostReply(t *testing.T) {
	for _, c := range []struct {
		name  string
		had   record.Had
		texts int32 // that the peer gets
	}{
		{"it has it", record.HadIt, 1},
		{"it has it not", record.HadNot, 2},
		{"it does not know", record.HadUnknown, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			far, outside := farNode(t), farNode(t)
			n := nearNode(t, far)
			var lost, dials, asked atomic.Int32
			var way onceOutside
			goes := client.Route{To: "peer", Peer: "org", Had: func(_ context.Context, d record.Delivery) []record.Had {
				asked.Add(1)
				if d.Seq != 1 || !slices.Equal(d.Recipients, []string{"bob@far.example"}) {
					t.Errorf("asked about %+v", d)
				}
				return []record.Had{c.had}
			}}
			goes.Dial = func(ctx context.Context, d string) (net.Conn, error) {
				conn, err := tcp(far.addr)(ctx, d)
				if dials.Add(1) > 1 || err != nil {
					return conn, err
				}
				return &unheard{Conn: conn, lost: func() {
					lost.Add(1)
					way.once.Store(true) // the next attempt goes outside, were it let
				}}, nil
			}
			way.peer = goes
			way.outside = client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: func(ctx context.Context) (net.Conn, error) {
				return tcp(outside.addr)(ctx, "")
			}}}}
			n.courier.router = &way
			submitTo(t, n.queue, "bob@far.example")
			sealAs(t, n)
			n.run(t)
			waitFor(t, func() bool { return n.queued(t) == 0 })
			if lost.Load() != 1 || asked.Load() != 1 {
				t.Errorf("%d replies were lost, and asked was %d times", lost.Load(), asked.Load())
			}
			if got := int32(len(far.checker.Seen())); got != c.texts {
				t.Errorf("the peer got %d texts, want %d", got, c.texts)
			}
			if got := len(outside.checker.Seen()); got != 0 {
				t.Errorf("%d texts went outside", got)
			}
		})
	}
}

// onceOutside is the way to a peer, and once, when it is told so, another one.
type onceOutside struct {
	peer, outside client.Route
	once          atomic.Bool
}

func (o *onceOutside) Route(context.Context, string) (client.Route, error) {
	if o.once.CompareAndSwap(true, false) {
		return o.outside, nil
	}
	return o.peer, nil
}

// What is under way at a stop may have arrived, and that is noted.
func TestUnclearAtAStop(t *testing.T) {
	n := nearNode(t, nil)
	texted := make(chan struct{})
	n.courier.router = routes{"far.example": client.Route{Peer: "org", Dial: func(context.Context, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			fmt.Fprint(far, "220 far\r\n")
			buf := make([]byte, 4096)
			for said := false; ; {
				k, err := far.Read(buf)
				switch {
				case err != nil:
					return
				case !said:
					said = true
					fmt.Fprint(far, "250-far\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
				case bytes.Contains(buf[:k], []byte("BDAT")):
					close(texted)
				}
			}
		}()
		return near, nil
	}}}
	submitTo(t, n.queue, "bob@far.example")
	sealAs(t, n)
	stop := n.run(t)
	<-texted
	stop()
	again := outbox.New(n.store)
	if _, err := again.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if peer, is := again.Unclear(1); !is || peer != "org" {
		t.Errorf("%q, %v", peer, is)
	}
}
