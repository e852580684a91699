package day

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

// TestDay lives a fiftieth of a day.
func TestDay(t *testing.T) {
	const part = 50
	r, err := Run(t.Context(), Options{In: MailsIn / part, Out: MailsOut / part, Domains: Least + 5, Length: 20 * time.Second, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *r)
	for _, problem := range r.Problems {
		t.Error(problem)
	}
}

// TestAccount: each way in which a mail can be elsewhere than it belongs is a problem, and what is
// where it belongs is none.
func TestAccount(t *testing.T) {
	const in, well, gone, late, wait = "in@s.example.org", "r1@d1.example.net", "gone2@d1.example.net", "late3@d1.example.net", "r4@d2.example.net"
	p := &plan{domains: []domain{{name: "d1.example.net", kind: Well}, {name: "d2.example.net", kind: Down}}, mails: []*mail{
		{id: in, user: 1, fate: delivered},
		{id: "1", out: true, to: []string{well}, kind: Well, fate: delivered},
		{id: "2", out: true, to: []string{gone, "b" + gone}, kind: Well, fate: returned},
		{id: "3", out: true, to: []string{late}, kind: Well, fate: reported},
		{id: "4", out: true, to: []string{wait}, kind: Down, fate: waiting},
	}}
	for _, tt := range []struct {
		name     string
		change   func(*found)
		problems int
	}{
		{"all well", func(*found) {}, 0},
		{"told of a delay that ended", func(f *found) { f.delays[well] = 1 }, 0},
		{"lost on the way in", func(f *found) { clear(f.inbox) }, 1},
		{"twice on the way in", func(f *found) { f.inbox[inboxKey(in, 1)] = 2 }, 1},
		{"in another mailbox", func(f *found) { f.inbox = map[string]int{inboxKey(in, 2): 1} }, 1},
		{"lost on the way out", func(f *found) { delete(f.servers, well); delete(f.outcomes, well) }, 2},
		{"twice on the way out", func(f *found) { f.servers[well] = 2 }, 1},
		{"delivered and returned", func(f *found) { f.failures[well] = []string{"x"} }, 1},
		{"delivered and queued", func(f *found) { f.queued[well] = 1 }, 1},
		{"returned without a report", func(f *found) { delete(f.failures, gone) }, 1},
		{"in two reports", func(f *found) { f.failures[gone] = []string{"y"} }, 1},
		{"twice in reports", func(f *found) { f.failures[late] = []string{"x", "y"} }, 1},
		{"a report that changes nothing", func(f *found) { f.outcomes[late] = "accepted" }, 1},
		{"returned and told that it waits", func(f *found) { f.delays[gone] = 1 }, 1},
		{"waits untold", func(f *found) { delete(f.delays, wait) }, 1},
		{"told twice that it waits", func(f *found) { f.delays[wait] = 2 }, 1},
		{"not waiting", func(f *found) { delete(f.queued, wait) }, 1},
		{"nobody's", func(f *found) { f.strange = []string{"a mail"} }, 1},
	} {
		f := newFound()
		f.inbox[inboxKey(in, 1)] = 1
		f.servers[well], f.servers[late] = 1, 1
		f.failures[gone], f.failures["b"+gone], f.failures[late] = []string{"x"}, []string{"x"}, []string{"z"}
		f.queued[wait], f.delays[wait] = 1, 1
		f.outcomes = map[string]string{well: "accepted", gone: "refused", "b" + gone: "refused", late: "refused"}
		tt.change(f)
		if rows, problems := p.account(f); len(problems) != tt.problems || len(rows) != len(Kinds()) {
			t.Errorf("%s: %q", tt.name, problems)
		}
	}
}

// TestPlan: a whole day has what it promises.
func TestPlan(t *testing.T) {
	p := makePlan(&Options{In: MailsIn, Out: MailsOut, Domains: Domains}, "alpha.test")
	kinds, fates, hosts := map[Kind]int{}, map[fate]int{}, map[int]Kind{}
	for _, d := range p.domains {
		kinds[d.kind]++
		if k, known := hosts[d.host]; known && k != d.kind {
			t.Errorf("%s shares its host with one that is %s", d.name, k)
		}
		hosts[d.host] = d.kind
	}
	var before time.Duration
	for _, m := range p.mails {
		fates[m.fate]++
		if m.at < before {
			t.Fatalf("%s comes before its time", m.id)
		}
		before = m.at
	}
	if len(p.mails) != MailsIn+MailsOut || kinds[Down] != 20 || kinds[Slow] != 10 || kinds[Grey] != 5 || kinds[Refuse] != 3 || len(p.domains) != Domains {
		t.Errorf("%d mails, domains %v", len(p.mails), kinds)
	}
	if bounces := fates[reported] + fates[returned] - MailsOut*3/Domains; bounces < 95 || bounces > 105 || fates[reported] < 40 {
		t.Errorf("%v", fates)
	}
}

// FuzzZone: whatever is asked, the DNS of the world answers or is silent.
func FuzzZone(f *testing.F) {
	z := newZone(makePlan(&Options{In: 1, Out: Least, Domains: Least}, "alpha.test"))
	f.Add([]byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04d005\x07example\x03net\x00\x00\x0f\x00\x01"))
	f.Fuzz(func(_ *testing.T, query []byte) { z.reply(query) })
}
