package relays_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/node"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// besideRounds is how often both take their messages: the ratio that is told is the middle one.
const besideRounds = 3

// taker is a server that takes mail.
type taker struct {
	addr string // host:port
	to   string // whom it takes mail for
	used func() time.Duration
}

// BenchmarkBesidePostfix has a node and a Postfix take the same messages, by turns, from Postfix's
// own smtp-source. Both answer 250 once a message is on the disk. The node has it in a mailbox
// then, judged, and indexes it; of what is submitted it makes records, and delivers it. Postfix
// queues it, and its discard(8) drops it. smtp-source and the node's mining are on the same cores.
//
// b.N is the number of messages of a round. Told are messages/s of both, the middle of the rounds'
// ratios, and the processor time of each for a message.
func BenchmarkBesidePostfix(b *testing.B) {
	relays.Need(b)
	source := testenv.Program(b, "smtp-source", "postfix")
	m := benchNode(b)
	p := relays.StartPostfix(b, relays.Config{NextHop: "127.0.0.1:9", Settings: map[string]string{
		"relayhost": "", "default_transport": "discard:silently", "smtpd_client_connection_count_limit": "0",
	}})
	postfix := taker{p.Addr, bob, p.Used}
	for _, mode := range []struct {
		name string
		node taker
	}{
		{"inbound", taker{m.InboundAddr(), ana, ownUse}},
		{"submission", taker{m.SubmissionAddr(), ana, ownUse}},
	} {
		for _, size := range []int{4 << 10, 100 << 10} {
			for _, sessions := range []int{1, 10, 100} {
				for _, reuse := range []bool{false, true} {
					name := fmt.Sprintf("%s/%dKB/sessions=%d/reused=%v", mode.name, size>>10, sessions, reuse)
					b.Run(name, func(b *testing.B) {
						s := stream{source, b.N, size, sessions, reuse}
						byTurns(b, s, mode.node, postfix)
					})
				}
			}
		}
	}
}

// benchNode is a node alone in its network, which mines and records.
func benchNode(b *testing.B) *testnet.Member {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), settle)
	defer cancel()
	w, err := testnet.NewNetwork(ctx, b.TempDir(), 1, "10%", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.Stop(); err != nil {
			b.Error(err)
		}
	})
	org := alpha
	org.Configure = func(c *node.Config) {
		c.Submission.RelayFrom = []string{"*"}
		c.Limits.Exempt = []string{"127.0.0.0/8"} // as a relay of one's own is, with its hundred sessions
	}
	m, err := w.Join(ctx, org)
	if err == nil {
		err = w.AwaitMembers(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// stream is what smtp-source sends.
type stream struct {
	source   string
	messages int
	size     int // octets of a message
	sessions int // at one time
	reuse    bool
}

// to sends all of it and returns how long that took, and the processor time that it took the taker.
func (s stream) to(b *testing.B, t taker) (wall, used time.Duration) {
	b.Helper()
	args := []string{"-s", strconv.Itoa(s.sessions), "-m", strconv.Itoa(s.messages), "-l", strconv.Itoa(s.size), "-f", ana, "-t", t.to}
	if s.reuse {
		args = append(args, "-d")
	}
	before, begun := t.used(), time.Now()
	if out, err := exec.CommandContext(b.Context(), s.source, append(args, t.addr)...).CombinedOutput(); err != nil {
		b.Fatalf("smtp-source to %s: %v\n%s", t.addr, err, out)
	}
	return time.Since(begun), t.used() - before
}

// byTurns has both take the stream, by turns.
func byTurns(b *testing.B, s stream, cairn, postfix taker) {
	var ratios []float64
	var ours, theirs, ourUse, theirUse time.Duration
	for range besideRounds {
		wall, used := s.to(b, cairn)
		ours, ourUse = ours+wall, ourUse+used
		other, otherUsed := s.to(b, postfix)
		theirs, theirUse = theirs+other, theirUse+otherUsed
		ratios = append(ratios, other.Seconds()/wall.Seconds())
	}
	slices.Sort(ratios)
	sent := float64(besideRounds * b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sent/ours.Seconds(), "cairn/s")
	b.ReportMetric(sent/theirs.Seconds(), "postfix/s")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(float64(ourUse.Microseconds())/sent, "cairn-cpu-µs")
	b.ReportMetric(float64(theirUse.Microseconds())/sent, "postfix-cpu-µs")
}

// ownUse is the processor time that this process has used.
func ownUse() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(os.NewSyscallError("getrusage", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
