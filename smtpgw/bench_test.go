package smtpgw

import (
	"io"
	"net/smtp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkSubmit takes 4 KB messages from 16 clients at one time; a message
// counts when its durable 250 has come.
func BenchmarkSubmit(b *testing.B) {
	body := mailText("bench") + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 50)
	one := func(c *smtp.Client) error {
		if err := c.Mail("user@local.example"); err != nil {
			return err
		}
		if err := c.Rcpt("someone@far.example"); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		io.WriteString(w, body)
		return w.Close()
	}
	for _, reuse := range []bool{false, true} {
		name := "session-per-message"
		if reuse {
			name = "sessions-reused"
		}
		b.Run(name, func(b *testing.B) {
			addr, q := submission(b, testConfig, localStore(b))
			var left atomic.Int64
			left.Store(int64(b.N))
			b.SetBytes(int64(len(body)))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					var c *smtp.Client
					for left.Add(-1) >= 0 {
						var err error
						if c == nil {
							if c, err = smtp.Dial(addr); err != nil {
								b.Error(err)
								return
							}
						}
						if err := one(c); err != nil {
							b.Error(err)
							return
						}
						if !reuse {
							c.Quit()
							c = nil
						}
					}
					if c != nil {
						c.Quit()
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			if n, err := q.Len(); err != nil || n != b.N {
				b.Fatalf("%d queued of %d: %v", n, b.N, err)
			}
		})
	}
}
