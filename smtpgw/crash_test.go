package smtpgw

import (
	"bufio"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// crashChild is the process that TestKillLosesNothing kills: a submission
// server over the store in dir.
func crashChild(dir string) {
	st, err := mailstore.Open(dir, discard())
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(NewSubmission(testConfig, st, outbox.New(st), discard()).Serve(l))
}

// TestKillLosesNothing kills the process in the middle of a burst, three times
// over the same store. Every message that was answered 250 is queued, and so
// are its sent copy and both its recipients' entries; none is there twice.
func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	st, err := mailstore.Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("user", []string{"user@local.example"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	answered := make(map[string]bool)
	for round := range 3 {
		for _, subject := range burst(t, dir, round) {
			answered[subject] = true
		}
	}

	if st, err = mailstore.Open(dir, discard()); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	q := outbox.New(st)
	entries := make(map[string][]string)
	for after := uint64(0); ; {
		es := must(q.Unsealed(after, 1000))(t)
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			_, rest, _ := strings.Cut(string(must(q.Raw(e))(t)), "Subject: ")
			subject, _, _ := strings.Cut(rest, "\r\n")
			entries[subject] = append(entries[subject], e.Domain)
			after = e.ID
		}
	}
	for subject, domains := range entries {
		if got := strings.Join(domains, " "); got != "far.example near.example" {
			t.Errorf("%s is queued for %q", subject, got)
		}
	}
	for subject := range answered {
		if entries[subject] == nil {
			t.Errorf("%s was answered 250 and is lost", subject)
		}
	}
	if sent := len(inboxOf(t, st, "user@local.example", "sent")); sent != len(entries) {
		t.Errorf("%d sent copies of %d messages", sent, len(entries))
	}
	t.Logf("%d answered, %d queued", len(answered), len(entries))
}

// burst sends from several clients until the child, killed after some
// answers, is gone, and returns the subjects that were answered.
func burst(t *testing.T, dir string, round int) []string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SMTPGW_CRASH_DIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimSpace(line)
	var mu sync.Mutex
	var subjects []string
	var n atomic.Int32
	var kill sync.Once
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			c, err := smtp.Dial(addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := range 10_000 {
				subject := fmt.Sprintf("round-%d-client-%d-mail-%d", round, client, i)
				if !sendOne(c, subject) {
					return
				}
				mu.Lock()
				subjects = append(subjects, subject)
				mu.Unlock()
				if n.Add(1) == int32(100+37*round) {
					kill.Do(func() { cmd.Process.Kill() })
				}
			}
		})
	}
	wg.Wait()
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return subjects
}

func sendOne(c *smtp.Client, subject string) bool {
	if c.Mail("user@local.example") != nil || c.Rcpt("a@far.example") != nil || c.Rcpt("b@near.example") != nil {
		return false
	}
	w, err := c.Data()
	if err != nil {
		return false
	}
	fmt.Fprint(w, mailText(subject))
	return w.Close() == nil
}
