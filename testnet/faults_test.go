package testnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/textproto"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/testenv"
	"cairn/node"
	"cairn/testnet"
)

// crashRounds, in the environment, is how often nodes are killed. With it more store calls of a
// mail's way fail, and with everyCall or more all of them: after each of these a node is opened
// again, whose records wait for those of its starts before.
const (
	crashRounds = "CAIRN_CRASH_ROUNDS"
	everyCall   = 1000
)

// wayTime bounds one mail's way with a fault on it.
const wayTime = time.Minute

// faulty is two nodes in this process, of which one commit of one store fails at a time.
type faulty struct {
	t      *testing.T
	w      *testnet.Network
	a, b   *testnet.Member
	ways   int
	ended  int // nodes that ended for a broken store, and were opened again
	asked  int // submissions that were answered with 4xx, or cut off
	struck int // faults
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	defer cancel()
	w, err := testnet.NewNetwork(ctx, t.TempDir(), 2, share, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.BlockInterval = blockTime
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("stop the network: %v", err)
		}
	})
	for i, account := range []string{"alice", "bob"} {
		org := testnet.Org{Name: []string{"Alpha", "Bravo"}[i], Domain: []string{"alpha.test", "bravo.test"}[i], Account: account}
		org.Configure = func(c *node.Config) {
			c.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/" + freePort(t)}
			c.Outbound.Suppress = "0" // the same address is refused each time
		}
		if _, err := w.Join(ctx, org); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Trust(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	return &faulty{t: t, w: w, a: w.Members[0], b: w.Members[1]}
}

// again opens the node of a member whose store broke and which has ended for that.
func (f *faulty) again(m *testnet.Member) {
	f.t.Helper()
	err, all := m.Stop(), f.w.Members
	f.w.Members = slices.DeleteFunc(slices.Clone(all), func(other *testnet.Member) bool { return other == m }) // those that run
	if !errors.Is(err, mailstore.ErrBroken) {
		f.t.Fatalf("%s: the store is broken, and the node ended with: %v", m.Name, err)
	}
	if err := m.Start(f.t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		f.t.Fatal(err)
	}
	f.w.Members = all
	f.ended++
}

// until looks again whenever a store or a chain has changed, and opens broken stores again.
func (f *faulty) until(ctx context.Context, what string, ok func() bool) {
	f.t.Helper()
	for !func() bool {
		mailA, cancel := f.a.Store().Subscribe()
		defer cancel()
		mailB, cancel := f.b.Store().Subscribe()
		defer cancel()
		block, cancel := f.a.Chain().Subscribe()
		defer cancel()
		for !ok() {
			select {
			case <-mailA:
			case <-mailB:
			case <-block:
			case <-f.a.Store().Broken():
				f.again(f.a)
				return false
			case <-f.b.Store().Broken():
				f.again(f.b)
				return false
			case <-ctx.Done():
				f.t.Fatalf("%s: it does not come to pass", what)
			}
		}
		return true
	}() {
	}
}

// way sends a mail to bob and to nobody while the given commit of m's store fails, and follows it
// until it is verified at bob's, reported to alice as undelivered to nobody, and gone from the
// queue. It says whether there was such a commit.
func (f *faulty) way(m *testnet.Member, call int, trouble mailstore.Trouble) (struck bool) {
	f.t.Helper()
	f.ways++
	what := fmt.Sprintf("way %d, call %d of %s, %+v", f.ways, call, m.Name, trouble)
	ctx, cancel := context.WithTimeout(f.t.Context(), wayTime)
	defer cancel()
	var calls atomic.Int64
	armed := m.Store()
	armed.SetTrouble(func() mailstore.Trouble {
		if calls.Add(1) == int64(call) {
			return trouble
		}
		return mailstore.Trouble{}
	})
	subject, tries := "", 0
	f.until(ctx, what+": submitted", func() bool {
		tries++
		subject = fmt.Sprintf("way%d try%d", f.ways, tries)
		err := f.submit(subject)
		refusal, refused := errors.AsType[*textproto.Error](err)
		if refused && refusal.Code/100 != 4 {
			f.t.Fatalf("%s: %v", what, err)
		}
		if err != nil {
			f.asked++
		}
		return err == nil
	})
	f.until(ctx, what+": verified, reported and gone", func() bool {
		f.hurry(ctx)
		return f.there(subject) && f.reports(subject) == 1 && f.queued() == 0
	})
	armed.SetTrouble(nil)
	for try := 1; try <= tries; try++ {
		f.once(what, fmt.Sprintf("way%d try%d", f.ways, try))
	}
	if struck = calls.Load() >= int64(call); struck {
		f.struck++
	}
	return struck
}

func (f *faulty) submit(subject string) error {
	c, err := testnet.DialSMTP(f.a.SubmissionAddr())
	if err != nil {
		return err
	}
	defer c.Close()
	raw := testnet.Compose("alice@alpha.test", "bob@bravo.test", subject, "once\n")
	return c.Send("alice@alpha.test", []string{"bob@bravo.test", "nobody@bravo.test"}, raw)
}

// hurry has what was put off tried at once.
func (f *faulty) hurry(ctx context.Context) {
	if n, err := f.a.Queue().LenDeferred(); err != nil || n == 0 {
		return
	}
	if _, err := f.a.Queue().RetryAll(ctx); err != nil && !errors.Is(err, mailstore.ErrBroken) && !errors.Is(err, mailstore.ErrDiskFull) {
		f.t.Errorf("hurry the queue: %v", err)
	}
}

func (f *faulty) box(m *testnet.Member, account, subject string) (list []testnet.Mail) {
	f.t.Helper()
	all, err := m.Mailbox(account)
	if err != nil {
		f.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(mail testnet.Mail) bool {
		return mail.Outgoing || !bytes.Contains(mail.Raw, []byte("\r\nSubject: "+subject+"\r\n"))
	})
}

// there tells whether bob has a mail that is verified.
func (f *faulty) there(subject string) bool {
	return slices.ContainsFunc(f.box(f.b, "bob", subject), func(m testnet.Mail) bool { return m.Verdict() == record.Verified })
}

// reports counts what alice was told about a mail.
func (f *faulty) reports(subject string) int { return len(f.box(f.a, "alice", subject)) }

func (f *faulty) queued() int {
	f.t.Helper()
	n, err := f.a.Queue().Len()
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// once holds that nobody has a mail twice, and that nobody's is all that came back.
func (f *faulty) once(what, subject string) {
	f.t.Helper()
	if n := len(f.box(f.b, "bob", subject)); n > 1 {
		f.t.Errorf("%s: bob has %q %d times", what, subject, n)
	}
	if n := f.reports(subject); n > 1 {
		f.t.Errorf("%s: alice has %d reports about %q", what, n, subject)
	}
	for _, m := range f.box(f.a, "alice", subject) {
		_, status, _ := bytes.Cut(m.Raw, []byte("Final-Recipient:"))
		if bytes.Contains(status, []byte("Final-Recipient:")) || !bytes.Contains(status[:min(len(status), 60)], []byte("nobody@bravo.test")) {
			f.t.Errorf("%s: a report tells of others than nobody: %s", what, m.Raw)
		}
	}
}

// TestEachStoreCallFails lets each commit on a mail's way fail in turn, in three ways, at the
// sender's node and at the recipient's: the mail arrives once, unless its sender was told to try
// again, and what is not to be delivered is reported once.
func TestEachStoreCallFails(t *testing.T) {
	t.Parallel()
	step, most := 8, 9
	switch n := testenv.Number(t, crashRounds, 0); {
	case n >= everyCall:
		step, most = 1, 100
	case n > 0:
		step, most = 3, 100
	}
	f := newFaulty(t)
	broke := errors.New("input/output error")
	for _, trouble := range []mailstore.Trouble{{Before: broke}, {After: broke}, {Full: true}} {
		for _, m := range []*testnet.Member{f.a, f.b} {
			struck, ended := f.struck, f.ended
			for call := 1; call <= most && f.way(m, call, trouble); call += step {
			}
			if f.struck == struck || f.ended == ended && !trouble.Full {
				t.Errorf("%s, %+v: %d commits failed, and %d nodes ended for that", m.Name, trouble, f.struck-struck, f.ended-ended)
			}
		}
	}
	t.Logf("%d mails, %d commits failed, %d nodes ended and were opened again, %d submissions answered with 4xx or cut off",
		f.ways, f.struck, f.ended, f.asked)
}
