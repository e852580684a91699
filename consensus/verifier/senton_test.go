package verifier

import (
	"context"
	"reflect"
	"testing"

	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/screen"
)

// What a stranger sends on is never vouched for. It is in the inbox once, and
// only if the author wrote to the recipient or to that stranger.
func TestSentOnByStranger(t *testing.T) {
	const list = "devs@org4.example"
	w := newWorld(t, setting{orgs: 5, pins: []int{0, 3}, change: func(n *chaintest.Network) {
		e := &n.Orgs[2].Event // claims the list's domain, behind another
		e.Enrol().Domains = []string{"first.example", "org4.example"}
		e.Sign(n.Orgs[2].Key)
	}})
	posted := func() []byte {
		return w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	}
	toBen := func(raw []byte) mailstore.Ref { return w.deliver(raw, nil, ben)[0].Ref }

	direct := w.seal(0, letter(jo, "", text), ann)
	w.expect(toBen(w.seal(4, direct, ben)), "jo's mail for ann, to ben", record.Replayed, "spam")
	w.expect(toBen(w.seal(4, footer(direct), ben)), "the same, changed", record.Replayed, "spam")
	w.expect(w.arrive(w.seal(4, direct, ann)), "jo's mail for ann", record.Differs, "inbox")
	w.expect(w.arrive(w.seal(3, direct, ann)), "again by another", record.Replayed, "spam")
	w.expect(w.arrive(w.seal(4, footer(direct), ann)), "again, changed", record.Replayed, "spam")
	w.expect(w.arrive(direct), "straight", record.Pending, "inbox")

	direct = w.seal(0, letter(jo, "", text+"two"), ann)
	w.expect(w.arrive(direct), "straight first", record.Pending, "inbox")
	w.expect(w.arrive(w.seal(4, direct, ann)), "then by a stranger", record.Replayed, "spam")

	mail := posted()
	claimed := w.arrive(w.seal(2, mail, ann))
	w.expect(claimed, "by who only claims the list's domain", record.Replayed, "spam")
	if got := w.finding(claimed).Reasons[1]; got != "sent on by an organisation that claims org4.example but is not trusted for it here" {
		t.Errorf("reason %q", got)
	}
	elsewhere := w.arrive(w.seal(2, w.seal(0, letter(jo, "", text+"three"), ann), ann))
	if got := w.finding(elsewhere).Reasons[1]; got != "sent on by an organisation that claims first.example but is not trusted for it here" {
		t.Errorf("reason of what went to no address of its: %q", got)
	}
	w.expect(w.arrive(w.seal(4, mail, ann)), "by somebody else than the list", record.Replayed, "spam")
	byList := w.seal(3, mail, ann)
	w.expect(toBen(byList), "ann's copy of the list's, to ben", record.Replayed, "spam")
	changed := w.arrive(w.seal(3, footer(mail), ann))
	w.expect(changed, "by the list", record.Differs, "inbox")
	w.expect(w.arrive(byList), "by the list again", record.Replayed, "spam")
	late := w.seal(3, posted(), ann)
	w.now = w.now.Add(31 * day)
	w.expect(w.arrive(late), "too late", record.Replayed, "spam")
	w.include(0)
	w.include(3)
	w.expect(changed, "in a block", record.Differs, "inbox")
}

// A known forwarder that is trusted no longer has what it sent on judged as a stranger's, and as
// before when it is again.
func TestRetrustOfForwarder(t *testing.T) {
	const list = "devs@org4.example"
	var cfg Config
	cfg.Forwarders = func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org4.example", Posting: list, List: true}}, nil
	}
	w := newWorld(t, setting{orgs: 4, cfg: cfg, pins: []int{0, 1, 3}})
	ctx := context.Background()
	mail := w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	raw := w.seal(3, append([]byte("List-Id: <devs.org4.example>\r\n"), mail...), ann)
	ref, direct := w.arrive(raw), w.arrive(w.seal(0, letter(jo, "", text+"straight"), ann))
	w.include(0)
	w.include(3)
	w.expect(ref, "sent on", record.Vouched, "inbox")
	before := w.finding(ref)
	for range 2 {
		if _, err := w.trust.Unpin(ctx, "org4.example", w.now); err != nil {
			t.Fatal(err)
		}
		w.must(w.v.Retrust(ctx, "org4.example"))
		w.expect(ref, "by a list that is trusted no longer", record.Replayed, "spam")
		if got := w.finding(ref).Reasons[1]; got != "sent on by an organisation that claims org4.example but is not trusted for it here" {
			t.Errorf("reason %q", got)
		}
		w.expect(direct, "without the list", record.Verified, "inbox")
		w.pin(3)
		w.must(w.v.Retrust(ctx, "org4.example"))
		w.expect(ref, "by a list that is trusted again", record.Vouched, "inbox")
	}
	if after := w.finding(ref); !reflect.DeepEqual(after, before) {
		t.Errorf("%+v\nis not\n%+v", after, before)
	}
	w.must(w.trust.Pin(ctx, Pin{Domain: "org4.example", Key: txtKey, Source: SourceTrust}, true))
	w.must(w.v.Retrust(ctx, "org4.example"))
	w.expect(ref, "another key was pinned instead", record.Replayed, "spam")
}

// A stranger who claims a list's domain takes nothing from that list.
func TestStrangerAheadOfKnownList(t *testing.T) {
	const list = "devs@org4.example"
	var cfg Config
	cfg.Forwarders = func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org4.example", Posting: list, List: true}}, nil
	}
	w := newWorld(t, setting{orgs: 4, cfg: cfg, pins: []int{0, 3}, change: func(n *chaintest.Network) {
		e := &n.Orgs[2].Event
		e.Enrol().Domains = []string{"org4.example"}
		e.Sign(n.Orgs[2].Key)
	}})
	mail := w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	w.expect(w.arrive(w.seal(2, mail, ann)), "by the stranger", record.Replayed, "spam")
	raw := w.seal(3, append([]byte("List-Id: <devs.org4.example>\r\n"), mail...), ann)
	w.remove(w.arrive(raw))
	w.now = w.now.Add(record.MaxAge)
	w.expect(w.arrive(raw), "again on the last day", record.Replayed, "spam")
	w.now = w.now.Add(5 * 365 * day)
	w.follow()
	w.expect(w.arrive(raw), "years later", record.Replayed, "spam")
}

// That a reader has written to whom a mail is for, as to a list, explains one
// copy of it, and none of what is for somebody of our own.
func TestCopyOfKnownCorrespondent(t *testing.T) {
	const list = "devs@lists.example"
	w := newWorld(t, setting{orgs: 3, pins: []int{0}, cfg: Config{Own: Own{Domains: []string{"org2.example"}}}})
	place := func(raw []byte, rcpt string) string {
		d := w.deliver(raw, nil, ben)[0]
		f := screened(w.finding(d.Ref))
		if f.Verdict != record.Replayed {
			t.Errorf("verdict %s", f.Verdict)
		}
		return screen.Decide(screen.Policy{}, f, append(f.Evidence(), screen.History{Wrote: true}.Evidence(rcpt))).Labels[1]
	}
	mail := w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	for i, want := range []string{"inbox", "spam", "spam"} {
		if got := place(mail, list); got != want {
			t.Errorf("copy %d is in %s", i+1, got)
		}
	}
	if got := place(w.seal(0, letter(jo, "", text), ann), ann); got != "spam" {
		t.Errorf("what is for ann is in ben's %s", got)
	}
}
