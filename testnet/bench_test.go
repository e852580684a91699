package testnet_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
	w, err := testnet.NewNetwork(b.Context(), b.TempDir(), 2, "10%", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer w.Stop()
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
	text := strings.Repeat(strings.Repeat("x", 76)+"\n", 50)
	to := w.Members[1]
	wake, cancel := to.Store().Subscribe()
	defer cancel()

	b.ResetTimer()
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
	for {
		s, err := to.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if s.Mail.Messages >= b.N {
			break
		}
		<-wake
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "delivered/s")
}
