package smtpgw

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// listHouse is a store with a list and the parts around it.
type listHouse struct {
	t     *testing.T
	store *mailstore.Store
	queue *outbox.Queue
	check *verifier
	list  List
}

func newListHouse(t *testing.T, l List, members ...string) *listHouse {
	st := localStore(t)
	return &listHouse{
		t: t, store: st, queue: outbox.New(st), list: hosted(t, st, l, members...),
		check: &verifier{found: screen.Finding{Verdict: record.Verified}},
	}
}

// distributor is one as after a restart.
func (h *listHouse) distributor() *Distributor {
	standing := func(*mailstore.Reader, mailstore.Message) (Standing, error) {
		return Standing{Verdict: record.Verified, Author: true}, nil
	}
	d := NewDistributor(testConfig, h.store, h.queue, standing, discard())
	d.now = func() time.Time { return gatewaytest.Moment }
	return d
}

// arrives delivers a message for the list.
func (h *listHouse) arrives(from, raw string) {
	h.t.Helper()
	a := &arrival.Arrival{Raw: []byte(raw), From: from, Recipients: []string{h.list.Address}, Peer: trace.Peer{Protocol: "ESMTP"}}
	if err := testDelivery(testConfig, h.store, h.check).Deliver(h.t.Context(), a, "ref"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *listHouse) follow() {
	h.t.Helper()
	if err := h.distributor().Follow(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// queued returns the entries, all of which are to have the owner as sender.
func (h *listHouse) queued() []outbox.Entry {
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
func (h *listHouse) labelled(label string) int {
	h.t.Helper()
	return len(inboxOf(h.t, h.store, h.list.Address, label))
}

func listPost(subject string) string {
	return strings.Replace(mailText(subject), "user@local.example", "m0@d0.example", 1)
}

// TestDistributorResumes restarts after each transaction: every member gets a
// post once, whatever came between.
func TestDistributorResumes(t *testing.T) {
	var members []string
	for i := range 2*fanOut + 7 {
		members = append(members, fmt.Sprintf("m%d@d%d.example", i, i%5))
	}
	h := newListHouse(t, devs, members...)
	h.arrives("m0@d0.example", listPost("one"))
	h.arrives("m0@d0.example", listPost("two"))
	restarts := 0
	for {
		d := h.distributor()
		worked, err := h.once(d)
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
	if n := h.labelled(LabelPosted); n != 2 {
		t.Errorf("%d are labelled", n)
	}
	h.follow()
	if n := h.labelled("sent"); n != 2 {
		t.Errorf("%d copies are in the list's account", n)
	}
}

// once lets a distributor do one transaction.
func (h *listHouse) once(d *Distributor) (worked bool, err error) {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	err = h.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
		worked, err = d.step(tx)
		return err
	})
	if worked || err != nil {
		return worked, err
	}
	for {
		next, more, err := d.look(ctx)
		if err != nil || !more {
			return false, err
		}
		if next != nil {
			return true, d.take(ctx, *next)
		}
	}
}

func TestDistributorLimitsHour(t *testing.T) {
	l := devs
	l.PerHour = 2
	h := newListHouse(t, l, "m0@d0.example", "other@local.example")
	for i := range 4 {
		h.arrives("m0@d0.example", listPost(fmt.Sprint(i)))
	}
	h.follow()
	if posted, held := h.labelled(LabelPosted), h.labelled(LabelHeld); posted != 2 || held != 2 {
		t.Errorf("%d posted, %d held", posted, held)
	}
	d := h.distributor()
	d.now = func() time.Time { return gatewaytest.Moment.Add(time.Hour) }
	h.arrives("m0@d0.example", listPost("later"))
	if err := d.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if posted := h.labelled(LabelPosted); posted != 3 {
		t.Errorf("%d posted in the next hour too", posted)
	}
	if n := len(h.queued()); n != 6 {
		t.Errorf("%d entries for 3 posts to 2 domains", n)
	}
}

// TestDistributorStops: what is no post of the list's leaves no trace but in its
// account, and no loop goes on.
func TestDistributorStops(t *testing.T) {
	h := newListHouse(t, devs, "m0@d0.example", devs.Owner)
	h.arrives("", listPost("a report"))
	h.arrives("m0@d0.example", "List-Id: <devs.local.example>\r\n"+listPost("again"))
	h.arrives("m0@d0.example", strings.Repeat("Received: x\r\n", trace.MaxReceived-1)+listPost("far"))
	h.arrives("x@far.example", strings.Replace(listPost("of a stranger"), "m0@d0.example", "x@far.example", 1))
	h.follow()
	if entries := h.queued(); len(entries) > 0 || h.labelled(LabelHeld) != 1 {
		t.Errorf("%d entries, %d held", len(entries), h.labelled(LabelHeld))
	}
	// What goes to a person here is nobody's post.
	a := &arrival.Arrival{Raw: []byte(listPost("personal")), From: "m0@d0.example", Recipients: []string{"user@local.example"}, Peer: trace.Peer{Protocol: "ESMTP"}}
	if err := testDelivery(testConfig, h.store, h.check).Deliver(t.Context(), a, "ref"); err != nil {
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
	h := newListHouse(t, devs, "m0@d0.example")
	h.arrives("m0@d0.example", listPost("one"))
	d := h.distributor()
	if worked, err := h.once(d); err != nil || !worked {
		t.Fatal(worked, err)
	}
	update(t, h.store, func(tx *mailstore.Tx) error {
		if err := DropList(tx, h.list.Account); err != nil {
			return err
		}
		return tx.RemoveAccount(h.list.Account)
	})
	h.follow()
	if n := len(h.queued()); n != 0 {
		t.Errorf("%d entries", n)
	}
	update(t, h.store, func(tx *mailstore.Tx) error {
		if has, err := tx.Space(listSpace).Has(underWay); err != nil || has {
			t.Errorf("still under way (%v)", err)
		}
		return nil
	})
}
