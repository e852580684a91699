package day

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// putOffOnce takes mail the second time.
type putOffOnce struct{ asked atomic.Int32 }

func (*putOffOnce) Reset()                               { /* keeps nothing of a transaction */ }
func (*putOffOnce) Logout() error                        { return nil }
func (*putOffOnce) Mail(string, *smtp.MailOptions) error { return nil }
func (*putOffOnce) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (p *putOffOnce) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if p.asked.Add(1) == 1 {
		return refusal(451, [3]int{4, 3, 0}, "try again later")
	}
	return nil
}

// TestReportIsTriedAgain: a report that is put off comes again, and is no fault of the world.
func TestReportIsTriedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := &putOffOnce{}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return node, nil }))
	var work sync.WaitGroup
	work.Go(func() { server.Serve(l) })
	defer work.Wait()
	defer server.Close()
	w := &world{ctx: t.Context(), second: time.Microsecond, inbound: func() string { return l.Addr().String() }, reports: 1}
	w.report("user1+b=x@alpha.test", "late1@d001.example.net")
	if w.fault != nil || w.reports != 0 || node.asked.Load() != 2 {
		t.Errorf("asked %d times, %d reports are left: %v", node.asked.Load(), w.reports, w.fault)
	}
}
