package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cairn/index/query"
)

// made returns a message of about 4 KB whose words are spread as in real text (Zipf) over a
// vocabulary of 50,000.
func made(r *rand.Rand, words *rand.Zipf, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Person %d <p%d@example.com>\nTo: jo@example.org\nSubject: w%d w%d w%d\nDate: Mon, 4 May 2026 10:00:00 +0000\nMessage-ID: <%d@example.com>\n\n",
		n%997, n%997, words.Uint64(), words.Uint64(), r.IntN(50_000), n)
	for b.Len() < 4096 {
		fmt.Fprintf(&b, "w%d ", words.Uint64())
		if r.IntN(12) == 0 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func fill(b *bed, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	words := rand.NewZipf(r, 1.1, 20, 50_000)
	for done := 0; done < n; {
		var raws []string
		for range min(200, n-done) {
			raws = append(raws, made(r, words, done+len(raws)))
		}
		b.add([]string{"inbox", "unread"}, raws...)
		done += len(raws)
	}
}

// BenchmarkIndexFollow takes in messages of 4 KB that are in the store already.
func BenchmarkIndexFollow(b *testing.B) {
	bed := newBed(b)
	bed.sync()
	bed.closeIndex()
	fill(bed, b.N)
	b.ResetTimer()
	bed.openIndex()
	bed.sync()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkSearch asks for the newest 20 among 10,000 messages.
func BenchmarkSearch(b *testing.B) {
	bed := newBed(b)
	fill(bed, 10_000)
	bed.sync()
	for _, c := range []struct{ name, text string }{
		{"rare", "w40000"}, {"common", "w3"}, {"and", "w30 w300 -w5"}, {"phrase", `"w3 w4"`}, {"near", "w30 near w300"}, {"prefix", "w4999*"}, {"label", "inbox"}, {"from", "from:p7@example.com"}, {"date", "newer_than:30d"},
	} {
		q, err := query.Parse(c.text, time.Date(2026, 5, 10, 15, 0, 0, 0, time.UTC))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			total := 0
			for b.Loop() {
				result, err := bed.ix.Search(context.Background(), Request{Account: bed.account, Query: q, Limit: 20})
				if err != nil {
					b.Fatal(err)
				}
				total = result.Total
			}
			b.ReportMetric(float64(total), "hits")
		})
	}
}
