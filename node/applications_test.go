package node

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
)

// attesting is a network of two members, whose word a third one lacks.
func attesting(t *testing.T) (*chaintest.Network, *consensus.State) {
	t.Helper()
	p := chaintest.ParamsV2()
	p.Admission, p.Attesters = consensus.AdmissionAttested, 2
	net := chaintest.NewWith(p, 3)
	second := attestedBy(&net.Orgs[1].Event, net.Orgs[0].Recorder)
	s := applied(t, net, net.Genesis.State(), *second)
	for range consensus.EpochGap {
		s = applied(t, net, s)
	}
	return net, s
}

func applied(t *testing.T, net *chaintest.Network, s *consensus.State, events ...consensus.OrgEvent) *consensus.State {
	t.Helper()
	b := net.Mine(s, 0, chaintest.Body{Events: events})
	for _, err := range consensus.ValidateEvents(s, events) {
		if err != nil {
			t.Fatal(err)
		}
	}
	next, _ := consensus.ApplyBlock(s, b)
	return next
}

// attestedBy is e with the word of these recorder keys alone.
func attestedBy(e *consensus.OrgEvent, keys ...[]byte) *consensus.OrgEvent {
	a := *e
	a.Attestations = nil
	for _, k := range keys {
		a.Attestations = append(a.Attestations, consensus.Attest(e, k))
	}
	slices.SortFunc(a.Attestations, func(a, b consensus.Attestation) int { return bytes.Compare(a.Recorder[:], b.Recorder[:]) })
	return &a
}

// add is a.add at some time, for what has to be known or new.
func add(a *applications, s *consensus.State, e *consensus.OrgEvent) (isNew bool) {
	return a.add(s, e, time.Unix(0, 0)) == nil
}

// enrolment is one of an org key, of many that its stamp is good for.
func enrolment(s *consensus.State, who, n int) *consensus.OrgEvent {
	key := chaintest.Key("stranger", who)
	e := &consensus.OrgEvent{Version: consensus.ParamsV2, ChainID: s.ChainID(), Signer: consensus.PublicKey(key)}
	e.Content = &consensus.Enrol{Name: fmt.Sprintf("Stranger %d", n), Domains: []string{"stranger.example"}, OrgKey: e.Signer}
	e.Sign(key)
	return e
}

// An applicant has two places and no more, however many enrolments its one stamp is good for, and
// may correct one of them after a while. What it brings beyond that is not passed on.
func TestOneStampTakesTwoPlaces(t *testing.T) {
	net, s := attesting(t)
	a := newApplications(func(*consensus.State) bool { return false })
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	honest := attestedBy(&net.Orgs[2].Event, net.Orgs[0].Recorder)
	if err := a.add(s, honest, now); err != nil {
		t.Fatal(err)
	}
	taken := func(from, to int, now time.Time) (n int) {
		for i := from; i < to; i++ {
			err := a.add(s, enrolment(s, 1, i), now)
			if err == nil {
				n++
			} else if policy, ok := errors.AsType[*mempool.PolicyError](err); !ok || policy.Policy != mempool.PolicyOrgEvents {
				t.Fatal(err)
			}
		}
		return n
	}
	if n := taken(0, 200, now); n != maxOfOne {
		t.Errorf("%d enrolments of one key are taken", n)
	}
	if n := taken(200, 220, now.Add(applicationStays-1)); n != 0 {
		t.Errorf("%d more are taken a moment later", n)
	}
	if n := taken(220, 240, now.Add(applicationStays)); n != maxOfOne {
		t.Errorf("%d take the place of those after a while", n)
	}
	if n := taken(240, 260, now.Add(-time.Hour)); n != maxOfOne {
		t.Errorf("%d take the place of those that came while the clock was ahead", n)
	}
	if list := a.events(); len(list) != 1+maxOfOne || list[0].ID() != honest.ID() {
		t.Errorf("%d applications wait, or another one than that with a word is the first", len(list))
	}
}

// Where there is no room, those that have a word already stay.
func TestApplicationsWithWordsStay(t *testing.T) {
	net, s := attesting(t)
	a := newApplications(func(*consensus.State) bool { return false })
	honest := attestedBy(&net.Orgs[2].Event, net.Orgs[0].Recorder)
	if !add(a, s, honest) {
		t.Fatal("not taken")
	}
	for i := range 3 * maxApplications {
		if !add(a, s, enrolment(s, i, 0)) {
			t.Fatalf("stranger %d is not taken", i)
		}
	}
	if list := a.events(); len(list) != maxApplications || list[0].ID() != honest.ID() {
		t.Errorf("%d applications wait, or that with a word is gone", len(list))
	}
}

// A word that counts no more, since its key ended, is in the way of none that counts: neither of
// another member nor of the same one's next key. It is shown as what it is, so that it can be given
// anew.
func TestWordsThatCountNoMore(t *testing.T) {
	net, s := attesting(t)
	first, e := &net.Orgs[0], &net.Orgs[2].Event
	former, next := first.Recorder, chaintest.Key("next recorder", 1)
	replace := first.Change(s, first.Node, true, func(x *consensus.OrgEvent) consensus.Content { return consensus.NewReplace(x, next) })
	later := applied(t, net, s, replace)
	given := func(a *applications, s *consensus.State) int {
		list := a.all(s)
		if len(list) != 1 {
			t.Fatalf("%d applications wait", len(list))
		}
		return len(list[0].Attestations)
	}
	for _, tt := range []struct {
		what string
		old  bool // the view, when the next words come
		look bool // it was looked at before they came
	}{{"looked at", false, true}, {"not looked at", false, false}, {"looked at in an old view", true, true}} {
		old := tt.old
		a := newApplications(func(*consensus.State) bool { return old })
		if !add(a, s, attestedBy(e, former)) || add(a, s, attestedBy(e, former)) || given(a, s) != 1 {
			t.Fatalf("%s: the first word is not one", tt.what)
		}
		if tt.look && given(a, later) != 0 {
			t.Errorf("%s: a word of a key that ended is shown as one that counts", tt.what)
		}
		if !add(a, later, attestedBy(e, net.Orgs[1].Recorder)) || given(a, later) != 1 {
			t.Errorf("%s: the word of another member is swallowed", tt.what)
		}
		if old = false; len(a.enough(later)) != 0 {
			t.Errorf("%s: one word is enough", tt.what)
		}
		if given(a, s) != 2 {
			t.Errorf("%s: a word is lost that counts again where its key does", tt.what)
		}
		if err := consensus.CheckEvent(s.Params(), s.ChainID(), a.left(later)[0]); err != nil {
			t.Errorf("%s: what is kept is no event: %v", tt.what, err)
		}
		if !add(a, later, attestedBy(e, former, next)) || given(a, later) != 2 || len(a.enough(later)) != 1 {
			t.Errorf("%s: the same member's word is swallowed when it is given anew", tt.what)
		}
	}
}
