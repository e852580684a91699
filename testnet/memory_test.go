package testnet_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/testnet"
)

// Resident memory that mail may take.
const (
	mostKept  = 120 << 20 // bytes more than before, a minute after a large mail
	mostTimes = 3         // its size, while it is under way
)

// largeMails, in the environment, is how many large mails are sent at once.
const largeMails = "CAIRN_LARGE_MAILS"

// TestMemoryOfLargeMail sends a mail of 25 MB, or largeMails at once: a minute later both nodes are
// nearly as small as before, of many but for what they have mapped of their files.
func TestMemoryOfLargeMail(t *testing.T) {
	many := testenv.Number(t, largeMails, 0)
	if many == 0 {
		inCI(t)
	}
	if raced {
		t.Skip("without the race detector only")
	}
	count, size, measure := 1, 25_000_000, residentOf
	if many > 0 {
		count, size, measure = many, 23<<20, anonymousOf // the text of many stays in the system's cache of the files, for as long as there is room
	} else {
		t.Parallel()
	}
	a, b := newPair(t)
	nodes := []*process{a, b}
	if residentOf(a.cmd.Process.Pid) == 0 {
		testenv.Lacking(t, "this system does not tell what is resident")
	}
	quiet, peak := map[*process]int64{}, map[*process]int64{}
	for _, p := range nodes {
		quiet[p] = measure(p.cmd.Process.Pid)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	var mu sync.Mutex
	for _, p := range nodes {
		watching.Go(func() {
			most := p.watchMemory(ctx, residentOf)
			mu.Lock()
			peak[p] = most
			mu.Unlock()
		})
	}
	errs := make(chan error, count)
	for i := range count {
		go func() {
			errs <- testnet.SendOne(a.status.Listen.Submission, "alice@alpha.test", "bob@bravo.test", largeMail("alice@alpha.test", "bob@bravo.test", fmt.Sprintf("large n%d", i), size))
		}()
	}
	accepted := 0
	for range count {
		if err := <-errs; err != nil {
			t.Logf("told to come again: %v", err)
		} else {
			accepted++
		}
	}
	if accepted == 0 {
		t.Fatal("no mail was taken")
	}
	b.await("the mail, verified", func(s *api.Status) bool {
		return s.Mail.Pending == 0 && b.count("subject:large label:inbox verdict:verified") == accepted
	})
	a.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 })
	cancel()
	watching.Wait()

	began := time.Now()
	for _, p := range nodes {
		p.givesBack(quiet[p]+mostKept, measure)
		t.Logf("%s: %d MB before, %d at the most with %d mails of %d MB, %d after %.0f s", p.domain, quiet[p]>>20, peak[p]>>20, accepted, size>>20,
			measure(p.cmd.Process.Pid)>>20, time.Since(began).Seconds())
		if peak[p] > mostMemory+mostTimes*int64(accepted*size) {
			t.Errorf("%s took %d MB for %d mails of %d MB", p.domain, peak[p]>>20, accepted, size>>20)
		}
	}
}

// largeMail is a mail with an attachment, of that many bytes in all.
func largeMail(from, to, subject string, size int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xyz\r\n\r\n", from, to, subject)
	b.WriteString("--xyz\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n")
	b.WriteString("--xyz\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=data.bin\r\n\r\n")
	const end = "--xyz--\r\n"
	content := make([]byte, (size-b.Len()-len(end))/78*57)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(content)
	for len(content) > 0 {
		n := min(57, len(content))
		b.WriteString(base64.StdEncoding.EncodeToString(content[:n]))
		b.WriteString("\r\n")
		content = content[n:]
	}
	b.WriteString(end)
	return b.Bytes()
}
