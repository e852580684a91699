package testnet_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/node/home"
)

// How large a node is made, in the environment: mails in its mailboxes, and in its queue.
const (
	loadStored = "CAIRN_LOAD_STORED"
	loadQueued = "CAIRN_LOAD_QUEUED"
)

// What such a node may take.
const (
	mostOpen        = 150 << 20 // bytes that are no files, with all connections open and nothing under way
	mostLoaded      = 200 << 20 // the same while all of the queue is tried
	mostStart       = 2 * time.Second
	loadConnections = 500 // at each of two listeners, which take 512
	loadStep        = 100 // mails in one transaction
)

// TestLoad starts a node with many mails and a long queue, has a thousand connections open and all
// of the queue tried again: that takes no more memory than it may, and gives it back.
func TestLoad(t *testing.T) {
	stored, queued := testenv.Number(t, loadStored, 0), testenv.Number(t, loadQueued, 0)
	if stored+queued == 0 {
		inCI(t)
		stored, queued = 5_000, 10_000
	}
	if raced {
		t.Skip("without the race detector only")
	}
	if anonymousOf(os.Getpid()) == 0 {
		testenv.Lacking(t, "this system does not tell what is resident, and may have one address on loopback")
	}
	p := newProcess(t, "alpha.test", share, nil)
	cairn(t, "--dir", p.dir, "account", "add", "alice")
	p.stop()
	p.relayNowhere()
	fill(t, p.dir, stored, queued)
	p.start()
	p.awaitWithin(4*time.Minute+time.Duration(stored+queued)*5*time.Millisecond, "all sealed, tried and indexed", func(s *api.Status) bool {
		return s.Mail.Unsealed == 0 && s.Mail.Queued == queued && s.Mail.IndexLag == 0 && s.Mail.Deferred > 0
	})
	t.Logf("with all of that just sealed and indexed: %d MB", anonymousOf(p.cmd.Process.Pid)>>20)
	p.stop()
	began := time.Now()
	p.start()
	took, busy := time.Since(began), p.processorTime()
	t.Logf("%d mails and %d in the queue: serves after %v, %v of them on a processor", stored, queued, took, busy)
	if busy > mostStart { // the rest is what others have the machine do
		t.Errorf("the start took %v on a processor", busy)
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan int64, 1)
	go func() { watched <- p.watchMemory(ctx, anonymousOf) }()
	for i := range loadConnections {
		greet(t, p.status.Listen.Inbound, fmt.Sprintf("127.1.%d.1", i%250))
		greet(t, p.status.Listen.Submission, fmt.Sprintf("127.2.%d.1", i%250))
	}
	open := anonymousOf(p.cmd.Process.Pid)
	if _, err := p.RetryQueue(t.Context(), api.QueueRequest{All: true}); err != nil {
		t.Fatal(err)
	}
	p.await("all tried again", func(s *api.Status) bool { return s.Mail.Deferred == queued })
	cancel()
	highest := <-watched
	t.Logf("with %d connections %d MB, at the most %d MB", 2*loadConnections, open>>20, highest>>20)
	if open > mostOpen || highest > mostLoaded {
		t.Errorf("it took %d MB, and at the most %d MB", open>>20, highest>>20)
	}
	p.await("what that took was given back", func(*api.Status) bool { return anonymousOf(p.cmd.Process.Pid) <= mostOpen })
	t.Logf("and afterwards %d MB", anonymousOf(p.cmd.Process.Pid)>>20)
}

// processorTime is how long the node's process was on a processor (proc(5), stat).
func (p *process) processorTime() time.Duration {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// relayNowhere has all mail for others handed to a smarthost that does not answer.
func (p *process) relayNowhere() {
	p.t.Helper()
	file := filepath.Join(p.dir, home.ConfigFile)
	text, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	changed := strings.Replace(string(text), `via = "direct"`, `via = "127.0.0.1:1"`, 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil || changed == string(text) {
		p.t.Fatal("the configuration has no way out", err)
	}
}

// greet opens a connection that stays until the test ends, and says EHLO.
func greet(t *testing.T, to, from string) {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := bufio.NewReaderSize(c, 512)
	for _, say := range []string{"", "EHLO client.example\r\n"} {
		if _, err := c.Write([]byte(say)); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil || line[0] != '2' {
				t.Fatalf("from %s: %q, %v", from, line, err)
			}
			if line[3] == ' ' {
				break
			}
		}
	}
}

// fill puts mails into the store of a node that does not run: into a mailbox, and into the queue
// to as many domains as there are thousands.
func fill(t *testing.T, dir string, stored, queued int) {
	t.Helper()
	st, err := mailstore.Open(filepath.Join(dir, home.MailDir), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	q := outbox.New(st)
	text := strings.Repeat("A line of the text of a mail, as many are.\r\n", 10)
	for n := 0; n < stored+queued; {
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			a, err := tx.AccountByName("alice")
			for i := 0; i < loadStep && n < stored+queued && err == nil; i++ {
				raw := fmt.Appendf(nil, "From: alice@alpha.test\r\nTo: bob@far.example\r\nSubject: mail %d\r\nMessage-ID: <%d@alpha.test>\r\n\r\n%s", n, n, text)
				if n < stored {
					var blob [32]byte
					if blob, err = tx.PutBlob(raw); err == nil {
						_, err = tx.AddMessage(mailstore.Message{
							Account: a.ID, Blob: blob, Size: int64(len(raw)), Received: time.UnixMilli(int64(n)), From: "bob@far.example", Recipients: []string{"alice@alpha.test"},
						}, []string{mailstore.LabelInbox})
					}
				} else {
					to := fmt.Sprintf("bob@d%d.example.net", n%(1+queued/1000))
					_, err = q.SubmitTx(tx, outbox.Envelope{Ref: fmt.Sprint(n), From: "alice@alpha.test", Account: a.ID, Recipients: []string{to}}, raw)
				}
				n++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
