package testnet_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/testnet"
)

// BenchmarkEndToEnd sends 4 KB messages from one organisation's gateway to
// another's mailbox, through queue, record, libp2p stream, check and durable
// delivery, both nodes in this process, from so many clients at once. A message
// counts when it is stored.
func BenchmarkEndToEnd(b *testing.B) {
	for _, clients := range []int{8, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { endToEnd(b, clients) })
	}
}

func endToEnd(b *testing.B, clients int) {
	w := two(b)
	wake, cancel := w.Members[1].Store().Subscribe()
	defer cancel()
	b.ResetTimer()
	submit(b, w, clients, 50)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
	awaitStored(b, w.Members[1], w.Address(1), wake)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "delivered/s")
}

// BenchmarkPeerHop brings mails of 100 KB, which lie sealed in the queue of a node, to another
// one, which was away: over the streams of one connection, by SMTP, with what both do for a mail.
// It counts when it is checked and stored. The nodes have the same two processors, or what there
// are. BenchmarkMailStreams of node/p2p is what the streams alone carry.
func BenchmarkPeerHop(b *testing.B) {
	w := two(b)
	from, to := w.Members[0], w.Members[1]
	if err := to.Stop(); err != nil {
		b.Fatal(err)
	}
	submit(b, w, 16, 100<<10/77)
	for wake, cancel := from.Store().Subscribe(); ; <-wake {
		s, err := from.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if s.Mail.Unsealed == 0 {
			cancel()
			break
		}
	}
	if err := to.Start(b.Context(), slog.New(slog.DiscardHandler)); err != nil {
		b.Fatal(err)
	}
	wake, cancel := to.Store().Subscribe()
	defer cancel()
	b.SetBytes(100 << 10)
	b.ResetTimer()
	if _, err := from.RetryQueue(b.Context(), api.QueueRequest{All: true}); err != nil {
		b.Fatal(err)
	}
	awaitStored(b, to, w.Address(1), wake)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// two is a network of two organisations that trust each other.
func two(b *testing.B) *testnet.Network {
	b.Helper()
	w, err := testnet.NewNetwork(b.Context(), b.TempDir(), 2, "10%", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.Stop(); err != nil {
			b.Error(err)
		}
	})
	for range 2 {
		if _, err := w.Add(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Trust(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := w.AwaitMembers(b.Context()); err != nil {
		b.Fatal(err)
	}
	return w
}

// submit hands b.N messages of so many lines of 77 octets to the first member, for the second, from
// so many clients at once.
func submit(b *testing.B, w *testnet.Network, clients, lines int) {
	b.Helper()
	text := strings.Repeat(strings.Repeat("x", 76)+"\n", lines)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			c, err := testnet.DialSMTP(w.Members[0].SubmissionAddr())
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Quit()
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				raw := testnet.Compose(w.Address(0), w.Address(1), fmt.Sprintf("message %d", i), text)
				if err := c.Send(w.Address(0), []string{w.Address(1)}, raw); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// awaitStored waits until the address has b.N messages at a member.
func awaitStored(b *testing.B, m *testnet.Member, addr string, wake <-chan struct{}) {
	b.Helper()
	for stored := 0; ; <-wake {
		err := m.Store().View(func(rd *mailstore.Reader) error {
			a, err := rd.AccountFor(addr)
			if err == nil {
				stored, err = rd.MessageCount(a.ID)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		if stored >= b.N {
			return
		}
	}
}
