package verifier

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// knowing is a configuration of accounts that know the list devs@ of org4.example.
func knowing() Config {
	return Config{Forwarders: func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org4.example", Posting: theList, List: true}}, nil
	}}
}

const theList = "devs@org4.example"

// posted is mail of jo's to the list, recorded.
func (w *world) posted(body string) []byte {
	return w.seal(0, replace(letter(jo, "", body), "To: "+ann, "To: "+theList), theList)
}

// byTheList is what the list sends on to ann, recorded.
func (w *world) byTheList(mail []byte) []byte {
	return w.seal(3, append([]byte("List-Id: <devs.org4.example>\r\n"), mail...), ann)
}

func (w *world) unpin(domain string) {
	w.Helper()
	_, err := w.trust.Unpin(context.Background(), domain, w.now)
	w.must(err)
}

// renamed is a block in which organisation 1 changes its name, and keeps these domains.
func (w *world) renamed(domains ...string) *consensus.Block {
	o := &w.net.Orgs[0]
	e := o.Change(w.chain.State(), o.Key, true, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Another", Domains: domains}
	})
	b, _ := w.block(w.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{e}})
	return b
}

// putUnfollowed gives the chain a block that is not followed yet.
func (w *world) putUnfollowed(b *consensus.Block) {
	w.Helper()
	_, err := w.chain.AddBlock(b, late)
	w.must(err)
}

// TestUnpinWhileTheChainIsFollowed: what the chain was being followed by when a pin was taken back
// does not outlast that.
func TestUnpinWhileTheChainIsFollowed(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 10)
	slow := false
	w := newWorld(t, setting{epochs: true, orgs: 3, pins: []int{0}, dns: func(_ context.Context, name string) ([]string, error) {
		if slow && name == "_cairn.slow.example" {
			entered <- struct{}{}
			<-gate
		}
		return nil, errors.New("no answer")
	}, change: also(0, "slow.example")})
	w.miner = 1
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.arrive(w.seal(0, letter("x@slow.example", "", text), ann))
	if f := w.finding(ref); !f.Facts.OrgTrusted {
		t.Fatalf("not trusted: %q", f.Reasons)
	}
	w.trust.dns.forget("slow.example")
	w.putUnfollowed(w.renamed("org1.example", "slow.example"))
	slow = true
	followed, retrusted := make(chan error), make(chan error)
	go func() { followed <- w.v.Follow(context.Background(), w.now) }()
	<-entered
	w.unpin("org1.example")
	go func() { retrusted <- w.v.Retrust(context.Background(), "org1.example") }()
	close(gate)
	w.must(<-followed)
	w.must(<-retrusted)
	w.include(0)
	if f := w.finding(ref); f.Facts.OrgTrusted || f.Verdict != record.Vouched {
		t.Errorf("%s by %q, a pin that was taken back", f.Verdict, f.TrustedBy)
	}
}

// TestUnpinAheadOfTheChain: so of what a list sent on, when its author's organisation has an event
// in a block that was not followed yet.
func TestUnpinAheadOfTheChain(t *testing.T) {
	w := newWorld(t, setting{epochs: true, orgs: 4, cfg: knowing(), pins: []int{0, 1, 3}})
	w.miner = 1
	w.mineEmpty(consensus.EpochGap)
	ref := w.arrive(w.byTheList(w.posted(text)))
	if f := w.finding(ref); f.Facts.Forwarder != "org4.example" {
		t.Fatalf("not sent on by a known list: %q", f.Reasons)
	}
	w.putUnfollowed(w.renamed("org1.example"))
	w.unpin("org4.example")
	w.must(w.v.Retrust(t.Context(), "org4.example"))
	w.follow()
	w.expect(ref, "the list is trusted no longer", record.Replayed, "spam")
}

// TestRotationUndone: trust by a key that the chain takes from an organisation again ends with
// that.
func TestRotationUndone(t *testing.T) {
	w := newWorld(t, setting{epochs: true, orgs: 3})
	w.miner = 1
	w.mineEmpty(consensus.EpochGap)
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.include(0)
	next := consensus.PublicKey(chaintest.Key("next org", 1))
	w.must(w.trust.Pin(t.Context(), Pin{Domain: "org1.example", Key: next, Source: SourceTrust}, true))
	w.must(w.v.Retrust(t.Context(), "org1.example"))
	w.expect(ref, "the key is nobody's yet", record.Vouched, "inbox")
	fork := w.chain.State()
	w.mine(chaintest.Body{Events: []consensus.OrgEvent{changed(&w.net.Orgs[0])["rotation"](fork)}})
	w.expect(ref, "the key is the organisation's", record.Verified, "inbox")
	if s := w.branch(fork, 3); s.Tip() != w.chain.State().Tip() {
		t.Fatal("the branch is not the best one")
	}
	w.expect(ref, "the rotation is undone", record.Vouched, "inbox")
}

// TestAwayAndBack: a pin is taken back while the organisation is in no block of the best branch.
// Then it is again, before the chain was followed.
func TestAwayAndBack(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, late: true, pins: []int{2}})
	events := w.net.Enrolments()
	last := len(events) - 1
	w.mine(chaintest.Body{Events: events[:last]})
	fork := w.chain.State()
	home := w.add(fork, chaintest.Body{Events: events[last:]})
	ref := w.arrive(w.seal(2, letter("al@org3.example", "", text), ann))
	grow := func(s *consensus.State, blocks int) {
		t.Helper()
		for range blocks {
			b, next := w.block(s, chaintest.Body{})
			w.putUnfollowed(b)
			s = next
		}
		if s.Tip() != w.chain.State().Tip() {
			t.Fatal("the branch is not the best one")
		}
	}
	grow(fork, 3)
	w.unpin("org3.example")
	w.must(w.v.Retrust(t.Context(), "org3.example"))
	grow(home, 5)
	w.follow()
	if f := w.finding(ref); f.Facts.OrgTrusted {
		t.Errorf("%s by %q, a pin that was taken back", f.Verdict, f.TrustedBy)
	}
}

// TestUnpinnedListWithSilentDNS: the silence of its DNS keeps no trust in a list that was by a pin;
// once it answers, that counts.
func TestUnpinnedListWithSilentDNS(t *testing.T) {
	for _, names := range []bool{false, true} {
		silent, key := true, consensus.Key{}
		w := newWorld(t, setting{orgs: 4, cfg: knowing(), pins: []int{0, 1, 3}, dns: func(_ context.Context, name string) ([]string, error) {
			switch {
			case silent:
				return nil, errors.New("no answer")
			case names && name == "_cairn.org4.example":
				return []string{FormatTXT(key)}, nil
			}
			return nil, nil
		}})
		key = w.net.Orgs[3].Event.Enrol().OrgKey
		ref := w.arrive(w.byTheList(w.posted(text)))
		w.include(0)
		w.include(3)
		w.expect(ref, "pinned", record.Vouched, "inbox")
		w.unpin("org4.example")
		w.must(w.v.Retrust(t.Context(), "org4.example"))
		w.expect(ref, "taken back", record.Replayed, "spam")
		silent = false
		w.trust.dns.forget("org4.example")
		_, err := w.v.askAgain(t.Context(), nil, w.now)
		w.must(err)
		if names {
			w.expect(ref, "named by its DNS", record.Vouched, "inbox")
		} else {
			w.expect(ref, "named by nobody", record.Replayed, "spam")
		}
	}
}

// TestUnpinnedStranger: mail that came by a list which its account has not named is where it would
// be if it came now.
func TestUnpinnedStranger(t *testing.T) {
	w := newWorld(t, setting{orgs: 5, pins: []int{0, 3}})
	ref := w.arrive(w.byTheList(footer(w.posted(text))))
	w.expect(ref, "pinned", record.Differs, "inbox")
	was := w.finding(ref)
	w.unpin("org4.example")
	w.must(w.v.Retrust(t.Context(), "org4.example"))
	w.expect(ref, "taken back", record.Replayed, "spam")
	now := w.arrive(w.byTheList(footer(w.posted(text + "more"))))
	w.expect(now, "that comes now", record.Replayed, "spam")
	if got, want := w.finding(ref).Reasons[1], w.finding(now).Reasons[1]; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	w.pin(3)
	w.must(w.v.Retrust(t.Context(), "org4.example"))
	w.expect(ref, "pinned again", record.Differs, "inbox")
	if f := w.finding(ref); f.Facts.Handed != was.Facts.Handed || !f.Facts.WrittenTo {
		t.Errorf("facts %+v, want %+v", f.Facts, was.Facts)
	}
}

// TestStrangerPinnedLater: mail that a stranger sent on before it was trusted is where it would be
// if it came now, whatever of it was written to the stranger, and so it is again once that is over.
func TestStrangerPinnedLater(t *testing.T) {
	for name, to := range map[string]string{"written to the list": theList, "written to somebody else": "sue@org5.example"} {
		w := newWorld(t, setting{orgs: 5, pins: []int{0}})
		mail := func(body string) []byte {
			return w.byTheList(footer(w.seal(0, replace(letter(jo, "", body), "To: "+ann, "To: "+to), to)))
		}
		ref := w.arrive(mail(text))
		w.expect(ref, name+", not trusted", record.Replayed, "spam")
		was := w.finding(ref)
		w.pin(3)
		w.must(w.v.Retrust(t.Context(), "org4.example"))
		w.asIfNow(ref, mail(text+"more"), name+", pinned later")
		w.unpin("org4.example")
		w.must(w.v.Retrust(t.Context(), "org4.example"))
		w.asIfNow(ref, mail(text+"again"), name+", taken back")
		if f := w.finding(ref); f.Verdict != was.Verdict || f.Facts.Handed != was.Facts.Handed || f.Facts.WrittenTo != was.Facts.WrittenTo {
			t.Errorf("%s, taken back: %+v, want %+v", name, f.Facts, was.Facts)
		}
	}
}

// asIfNow holds what is known of a message to what is found out about the like of it that comes
// now.
func (w *world) asIfNow(ref mailstore.Ref, like []byte, when string) {
	w.Helper()
	got, want := w.finding(ref), w.finding(w.arrive(like))
	reasons := func(f *Finding) []string { // the part that is the recipient is one only where no forwarder was known; another reason says it
		return slices.DeleteFunc(slices.Clone(f.Reasons), func(r string) bool { return strings.HasPrefix(r, "recipient: ") })
	}
	if got.Verdict != want.Verdict || !slices.Equal(reasons(got), reasons(want)) || got.Facts.Handed != want.Facts.Handed || got.Facts.WrittenTo != want.Facts.WrittenTo || got.Facts.Forwarder != want.Facts.Forwarder {
		w.Errorf("%s: %s %q, one that comes now %s %q", when, got.Verdict, got.Reasons, want.Verdict, want.Reasons)
	}
}

// TestDomainOfListIsGivenUp: what a known list sent on is what it would be if it came now, when its
// organisation has given the list's domain up, and when that has it again.
func TestDomainOfListIsGivenUp(t *testing.T) {
	w := newWorld(t, setting{epochs: true, orgs: 4, cfg: knowing(), pins: []int{0, 3}, change: also(3, "more.example")})
	w.miner = 1
	w.mineEmpty(consensus.EpochGap)
	ref := w.arrive(w.byTheList(w.posted(text)))
	if f := w.finding(ref); f.Facts.Forwarder != "org4.example" {
		t.Fatalf("not sent on by a known list: %q", f.Reasons)
	}
	claim := func(domains ...string) {
		o := &w.net.Orgs[3]
		w.mine(chaintest.Body{Events: []consensus.OrgEvent{o.Change(w.chain.State(), o.Key, true, func(*consensus.OrgEvent) consensus.Content {
			return &consensus.Update{Name: o.Name, Domains: domains}
		})}})
	}
	claim("more.example")
	if f := w.finding(ref); f.Facts.Forwarder != "" || f.Verdict != record.Replayed {
		t.Errorf("given up: %s by %q", f.Verdict, f.Facts.Forwarder)
	}
	claim("more.example", "org4.example")
	w.asIfNow(ref, w.byTheList(w.posted(text+"more")), "claimed again")
	if f := w.finding(ref); f.Facts.Forwarder != "org4.example" {
		t.Errorf("claimed again: %s by %q", f.Verdict, f.Facts.Forwarder)
	}
}
