package recorder

import (
	"bytes"
	"fmt"
	"testing"

	"cairn/consensus"
)

// mail4K is a text message of 4 KB.
var mail4K = append(bytes.Clone(mail), bytes.Repeat([]byte("Sixty-four octets of a text that says nothing of any interest.\r\n"), 62)...)

// Records sealed durably, in micro-batches of different sizes.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{1, 64, consensus.MaxMicroRecords} {
		b.Run(fmt.Sprintf("records=%d", size), func(b *testing.B) {
			o := newOffice(b, 1)
			for b.Loop() {
				b.StopTimer()
				o.submit(size, 1, mail4K)
				b.StartTimer()
				o.must(o.step())
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
