package lists_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

var config = smtpgw.Config{
	Hostname: "mx.local.example", Postmaster: "admin@local.example",
	Domains: func() []string { return []string{"local.example"} },
}

// verified judges all that arrives so.
type verified struct{}

func (v verified) Check(context.Context, *arrival.Arrival) (arrival.Assessment, error) { return v, nil }

func (verified) Found() screen.Finding { return screen.Finding{Verdict: record.Verified} }

func (v verified) Admit(*mailstore.Tx, mailstore.AccountID, string) (screen.Finding, bool, error) {
	return v.Found(), false, nil
}

func (verified) Stored(*mailstore.Tx, string, mailstore.Message) error { return nil }

// house is a store with a list and the parts around it.
type house struct {
	t        *testing.T
	store    *mailstore.Store
	queue    *outbox.Queue
	delivery *smtpgw.Delivery
	list     lists.List
}

func newHouse(t *testing.T, l lists.List, members ...string) *house {
	st := gatewaytest.LocalStore(t)
	return &house{
		t: t, store: st, queue: outbox.New(st), list: lists.Hosted(t, st, l, members...),
		delivery: smtpgw.NewDelivery(config, st, verified{}, smtpgw.NewFiling(screen.Policy{}), arrival.Sources{}),
	}
}

// distributor is one as after a restart, at a time.
func (h *house) distributor(now time.Time) *lists.Distributor {
	standing := func(*mailstore.Reader, mailstore.Message) (lists.Standing, error) {
		return lists.Standing{Verdict: record.Verified, Author: true}, nil
	}
	return lists.NewDistributor(config.Hostname, func() time.Time { return now }, h.store, h.queue, standing, slog.New(slog.DiscardHandler))
}

// arrives delivers a message for the list.
func (h *house) arrives(from, raw string) {
	h.t.Helper()
	a := &arrival.Arrival{Raw: []byte(raw), From: from, Recipients: []string{h.list.Address}, Peer: trace.Peer{Protocol: "ESMTP"}}
	if err := h.delivery.Deliver(h.t.Context(), a, "ref"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) follow() {
	h.t.Helper()
	if err := h.distributor(gatewaytest.Moment).Follow(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// queued returns the entries, all of which are to have the owner as sender.
func (h *house) queued() []outbox.Entry {
	h.t.Helper()
	all, err := h.queue.List(0, 1<<20)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range all {
		if e.From != h.list.Owner || e.Account != h.list.Account {
			h.t.Errorf("entry from %s of account %d", e.From, e.Account)
		}
	}
	return all
}

// labelled returns how many messages of the list have a label.
func (h *house) labelled(label string) int {
	h.t.Helper()
	return len(gatewaytest.Labelled(h.t, h.store, h.list.Address, label))
}

func listPost(subject string) string {
	return strings.Replace(gatewaytest.MailText(subject), "user@local.example", "m0@d0.example", 1)
}

// TestDistributorResumes restarts after each transaction: every member gets a
// post once, whatever came between.
func TestDistributorResumes(t *testing.T) {
	var members []string
	for i := range 2*lists.FanOut + 7 {
		members = append(members, fmt.Sprintf("m%d@d%d.example", i, i%5))
	}
	h := newHouse(t, lists.Devs, members...)
	h.arrives("m0@d0.example", listPost("one"))
	h.arrives("m0@d0.example", listPost("two"))
	restarts := 0
	for {
		d := h.distributor(gatewaytest.Moment)
		worked, err := d.Once(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !worked {
			break
		}
		restarts++
	}
	if restarts < 8 { // two posts of one transaction to take over and four to queue
		t.Errorf("%d restarts", restarts)
	}
	got := make(map[string][]string)
	for _, e := range h.queued() {
		got[e.Ref] = append(got[e.Ref], e.Recipients...)
		if e.Domain != maildomain.OfAddress(e.Recipients[0]) {
			t.Errorf("entry for %s has %s", e.Domain, e.Recipients[0])
		}
	}
	slices.Sort(members)
	if len(got) != 2 {
		t.Errorf("%d posts went out", len(got))
	}
	for ref, list := range got {
		if slices.Sort(list); !slices.Equal(list, members) {
			t.Errorf("%s: %d recipients of %d members", ref, len(list), len(members))
		}
	}
	if n := h.labelled(lists.LabelPosted); n != 2 {
		t.Errorf("%d are labelled", n)
	}
	h.follow()
	if n := h.labelled("sent"); n != 2 {
		t.Errorf("%d copies are in the list's account", n)
	}
}

func TestDistributorLimitsHour(t *testing.T) {
	l := lists.Devs
	l.PerHour = 2
	h := newHouse(t, l, "m0@d0.example", "other@local.example")
	for i := range 4 {
		h.arrives("m0@d0.example", listPost(fmt.Sprint(i)))
	}
	h.follow()
	if posted, held := h.labelled(lists.LabelPosted), h.labelled(lists.LabelHeld); posted != 2 || held != 2 {
		t.Errorf("%d posted, %d held", posted, held)
	}
	d := h.distributor(gatewaytest.Moment.Add(time.Hour))
	h.arrives("m0@d0.example", listPost("later"))
	if err := d.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if posted := h.labelled(lists.LabelPosted); posted != 3 {
		t.Errorf("%d posted in the next hour too", posted)
	}
	if n := len(h.queued()); n != 6 {
		t.Errorf("%d entries for 3 posts to 2 domains", n)
	}
}

// TestDistributorStops: what is no post of the list's leaves no trace but in its
// account, and no loop goes on.
func TestDistributorStops(t *testing.T) {
	h := newHouse(t, lists.Devs, "m0@d0.example", lists.Devs.Owner)
	h.arrives("", listPost("a report"))
	h.arrives("m0@d0.example", "List-Id: <devs.local.example>\r\n"+listPost("again"))
	h.arrives("m0@d0.example", strings.Repeat("Received: x\r\n", trace.MaxReceived-1)+listPost("far"))
	h.arrives("x@far.example", strings.Replace(listPost("of a stranger"), "m0@d0.example", "x@far.example", 1))
	h.follow()
	if entries := h.queued(); len(entries) > 0 || h.labelled(lists.LabelHeld) != 1 {
		t.Errorf("%d entries, %d held", len(entries), h.labelled(lists.LabelHeld))
	}
	// What goes to a person here is nobody's post.
	a := &arrival.Arrival{Raw: []byte(listPost("personal")), From: "m0@d0.example", Recipients: []string{"user@local.example"}, Peer: trace.Peer{Protocol: "ESMTP"}}
	if err := h.delivery.Deliver(t.Context(), a, "ref"); err != nil {
		t.Fatal(err)
	}
	h.follow()
	if n := len(h.queued()); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// TestDistributorForgets: a list that is dropped while a post is on its way
// holds nothing up.
func TestDistributorForgets(t *testing.T) {
	h := newHouse(t, lists.Devs, "m0@d0.example")
	h.arrives("m0@d0.example", listPost("one"))
	d := h.distributor(gatewaytest.Moment)
	if worked, err := d.Once(t.Context()); err != nil || !worked {
		t.Fatal(worked, err)
	}
	gatewaytest.Update(t, h.store, func(tx *mailstore.Tx) error {
		if err := lists.Drop(tx, h.list.Account); err != nil {
			return err
		}
		return tx.RemoveAccount(h.list.Account)
	})
	h.follow()
	if n := len(h.queued()); n != 0 {
		t.Errorf("%d entries", n)
	}
	gatewaytest.Update(t, h.store, func(tx *mailstore.Tx) error {
		if has, err := tx.Space(lists.Space).Has(lists.UnderWay); err != nil || has {
			t.Errorf("still under way (%v)", err)
		}
		return nil
	})
}

// TestRequireTLSOfLists: the copies of a post, which is labelled, keep it.
func TestRequireTLSOfLists(t *testing.T) {
	for _, required := range []bool{true, false} {
		h := newHouse(t, lists.Devs, "m0@d0.example", "m1@d1.example")
		a := &arrival.Arrival{Raw: []byte(listPost("one")), From: "m0@d0.example", Recipients: []string{h.list.Address}, RequireTLS: required}
		if err := h.delivery.Deliver(t.Context(), a, "ref"); err != nil {
			t.Fatal(err)
		}
		h.follow()
		es := h.queued()
		if len(es) != 2 || es[0].RequireTLS != required || es[1].RequireTLS != required || h.labelled(lists.LabelRequireTLS) != len(gatewaytest.Labelled(t, h.store, h.list.Address, "inbox"))*map[bool]int{true: 1}[required] {
			t.Errorf("REQUIRETLS %v: queued are %+v", required, es)
		}
	}
}
