package courier

import (
	"bytes"
	"testing"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
)

// BenchmarkCourier carries sealed 4 KB messages to another node's durable 250.
func BenchmarkCourier(b *testing.B) {
	far := farNode(b)
	n := nearNode(b, nil)
	n.courier.router = routes{"far.example": client.Route{To: "far", Dial: tcp(far.addr)}}
	raw := bytes.Repeat([]byte("x"), 4000)
	raw = append([]byte(mailText("bench")), raw...)
	raw = append(raw, "\r\n"...)
	for range b.N {
		if _, err := n.queue.Submit(b.Context(), outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{"bob@far.example"}}, raw); err != nil {
			b.Fatal(err)
		}
	}
	sealAll(b, n.store, n.queue)
	b.ResetTimer()
	stop := n.run(b)
	waitFor(b, func() bool { return n.queued(b) == 0 })
	b.StopTimer()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
