package testnet_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/api"
)

// mining sets whether a node that is stopped mines when it starts again.
func (p *process) mining(share string) {
	p.t.Helper()
	path := filepath.Join(p.dir, "cairn.toml")
	raw, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	set := false
	for i, line := range lines {
		if strings.HasPrefix(line, "mine = ") {
			lines[i], set = `mine = "`+share+`"`, true
		}
	}
	if !set {
		p.t.Fatal("the configuration does not say whether it mines")
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// waitsForBlock waits until that many mails of a node's queue wait for the block with their record,
// and nothing else is there.
func (p *process) waitsForBlock(n int) {
	p.t.Helper()
	p.await("mail waits for its block", func(*api.Status) bool {
		l, err := p.ListQueue(p.t.Context(), api.QueueSelection{})
		if err != nil || len(l.Entries) != n {
			return false
		}
		for _, e := range l.Entries {
			if e.WaitsFor != api.WaitsBlock || e.Attempts != 0 {
				return false
			}
		}
		return true
	})
}

// TestHeldUntilIncluded: mail that is held until its record is in a block, by its own word or for
// all of an organisation's, does not leave while there is no block, though other mail does, and
// though its node was killed. It is verified when it arrives.
func TestHeldUntilIncluded(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	c := newProcess(t, "charlie.test", "off", a)
	cairn(t, "--dir", c.dir, "account", "add", "carol")
	trustAll(t, a, b, c)
	members(3, a, b, c)
	cairn(t, "--dir", a.dir, "org", "transport", "charlie.test", "--hold", "until-included")
	for _, p := range []*process{a, b} {
		p.stop()
		p.mining("off")
		p.start()
	}
	send := func(to, subject string, hold ...string) {
		t.Helper()
		cairn(t, append([]string{"--dir", a.dir, "send", "--from", "alice@alpha.test", "--to", to, "--subject", subject, "--body", "text"}, hold...)...)
	}
	arrives := func(p *process, subject string) {
		t.Helper()
		p.await(subject+" arrives", func(*api.Status) bool { return p.count("subject:"+subject) == 1 })
	}
	send("bob@bravo.test", "byitsword", "--hold", "until-included")
	send("carol@charlie.test", "forall")
	send("bob@bravo.test", "before")
	arrives(b, "before")
	a.waitsForBlock(2)

	a.kill()
	a.start()
	send("bob@bravo.test", "after")
	arrives(b, "after")
	a.waitsForBlock(2)
	if n := b.count("subject:byitsword") + c.count("subject:forall"); n != 0 {
		t.Errorf("%d mails left before there was a block", n)
	}

	b.stop()
	b.mining(share)
	b.start()
	arrives(b, "byitsword")
	arrives(c, "forall")
	a.await("an empty queue", func(s *api.Status) bool { return s.Mail.Queued == 0 })
	for _, m := range []struct {
		at            *process
		subject, says string
	}{{b, "before", "verdict=pending"}, {b, "byitsword", "verdict=verified"}, {c, "forall", "verdict=verified"}} {
		if got := foundAtArrival(t.Context(), t, m.at, m.subject); !strings.Contains(got, m.says) {
			t.Errorf("%s was found to be %q, not %s", m.subject, got, m.says)
		}
	}
}

// foundAtArrival is the header of a mail as it was stored when it arrived.
func foundAtArrival(ctx context.Context, t *testing.T, p *process, subject string) string {
	t.Helper()
	r, err := p.Search(ctx, api.SearchRequest{Query: "subject:" + subject})
	if err != nil || len(r.Messages) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	raw, err := p.Raw(ctx, r.Messages[0].Ref)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(raw.Raw), "\r\n\r\n")
	return header
}
