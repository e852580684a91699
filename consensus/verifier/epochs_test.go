package verifier

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore"
)

// Two epochs of a key count from 1: what was recorded in one is not looked for in the other.
func TestEpochs(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	first := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.expect(first, "at arrival", record.Pending, "inbox")
	w.include(0)
	w.expect(first, "in a block", record.Verified, "inbox")
	w.mineEmpty(consensus.EpochGap)
	w.epoch++
	second := w.arrive(w.seal(0, letter(jo, "", text+"2"), ann))
	w.expect(second, "with the number of another epoch's batch", record.Pending, "inbox")
	w.include(0)
	w.expect(first, "with two epochs", record.Verified, "inbox")
	w.expect(second, "with two epochs", record.Verified, "inbox")
	if places := w.keys(prefixPlace); len(places) != 2 || len(w.keys(prefixBatch)) != 2 {
		t.Errorf("%d batches have places", len(places))
	}

	db, err := chain.OpenDB(t.TempDir(), quiet)
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	w.chain, err = chain.Open(db, w.net.Genesis, quiet)
	w.must(err)
	w.restart()
	w.follow()
	w.expect(first, "with genesis alone", record.Pending, "inbox")
	w.expect(second, "with genesis alone", record.Pending, "inbox")
}

// In a network with epochs every record names one.
func TestNoEpoch(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	w.epoch = 0
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.expect(ref, "without an epoch", record.Invalid, "spam")
	if reasons := w.finding(ref).Reasons; !strings.Contains(reasons[0], "names no epoch") {
		t.Errorf("reasons %q", reasons)
	}
}

// changed are the changes of organisation 1 that tests make.
func changed(o *chaintest.Org) map[string]func(s *consensus.State) consensus.OrgEvent {
	byKey := func(signer ed25519.PrivateKey, ordered bool, content func(e *consensus.OrgEvent) consensus.Content) func(*consensus.State) consensus.OrgEvent {
		return func(s *consensus.State) consensus.OrgEvent { return o.Change(s, signer, ordered, content) }
	}
	key := chaintest.Key("next org", 1)
	return map[string]func(s *consensus.State) consensus.OrgEvent{
		"update": byKey(o.Key, true, func(*consensus.OrgEvent) consensus.Content {
			return &consensus.Update{Name: "Another", Domains: []string{"another.example"}}
		}),
		"rotation": byKey(o.Key, true, func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewRotate(e, key, o.Recovery)
		}),
		"replacement": byKey(o.Node, true, func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewReplace(e, chaintest.Key("next recorder", 1))
		}),
		"drop": byKey(o.Key, true, func(*consensus.OrgEvent) consensus.Content {
			return &consensus.DropNode{Node: consensus.PublicKey(o.Node)}
		}),
		"revocation": byKey(o.Recovery, false, func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewRevoke(e, key, consensus.Hash{1}, consensus.PublicKey(o.Node))
		}),
		"suspension": byKey(nil, false, func(*consensus.OrgEvent) consensus.Content {
			twice := [2]consensus.Batch{}
			for i := range twice {
				twice[i] = consensus.Batch{ChainID: o.Event.ChainID, Epoch: 7, Seq: 1, Time: uint64(i), Micros: []consensus.MicroRoot{{Root: consensus.Hash{1}, Count: 1}}}
				p := chaintest.ParamsV2()
				twice[i].Seal(nil, &p, o.Recorder)
			}
			return consensus.NewSuspend(&twice[0], &twice[1])
		}),
	}
}

// An organisation is judged as of the block that holds the record; what is in no block as of now.
func TestOrganisationChanges(t *testing.T) {
	for _, c := range []struct {
		change  string
		pending record.Verdict // of what was recorded and in no block
		later   record.Verdict // once it is in a block behind the change; empty: none takes it
	}{
		{"update", record.Pending, record.Vouched},
		{"rotation", record.Pending, record.Verified},
		{"replacement", record.Pending, record.Verified},
		{"revocation", record.Invalid, ""},
		{"suspension", record.Invalid, ""},
	} {
		t.Run(c.change, func(t *testing.T) {
			w := newWorld(t, setting{epochs: true, orgs: 3, pins: []int{0}})
			w.miner = 1
			before := w.arrive(w.seal(0, letter(jo, "", text), ann))
			late := w.seal(0, letter(jo, "", text+"late"), ann)
			w.include(0)
			w.mineEmpty(consensus.EpochGap)
			pending := w.arrive(w.seal(0, letter(jo, "", text+"2"), ann))
			s := w.chain.State()
			w.mine(chaintest.Body{Events: []consensus.OrgEvent{changed(&w.net.Orgs[0])[c.change](s)}})
			w.expect(before, "recorded before", record.Verified, "inbox")
			w.expect(w.arrive(late), "recorded before, arriving later", record.Verified, "inbox")
			if f := w.finding(pending); f.Verdict != c.pending {
				t.Errorf("in no block: %s (%q), want %s", f.Verdict, f.Reasons, c.pending)
			}
			after := w.arrive(w.seal(0, letter(jo, "", text+"3"), ann))
			if f := w.finding(after); f.Verdict != c.pending {
				t.Errorf("recorded after: %s (%q), want %s", f.Verdict, f.Reasons, c.pending)
			}
			w.must(w.v.Retrust(context.Background(), "org1.example"))
			w.expect(before, "looked at again", record.Verified, "inbox")
			b := w.batch(0)
			if err := consensus.ValidateBatches(w.chain.State(), nil, []consensus.Batch{b})[0]; (err == nil) != (c.later != "") {
				t.Fatalf("the next batch: %v", err)
			}
			if c.later != "" {
				w.mine(chaintest.Body{Batches: []consensus.Batch{b}})
				w.expect(pending, "in a block behind the change", c.later, "inbox")
				w.expect(after, "in a block behind the change", c.later, "inbox")
			}

			// The chain goes another way, without the change.
			other := w.add(w.add(s, chaintest.Body{}), chaintest.Body{})
			w.add(other, chaintest.Body{})
			w.expect(before, "without the change", record.Verified, "inbox")
			w.expect(pending, "without the change", record.Pending, "inbox")
			w.expect(after, "without the change", record.Pending, "inbox")
		})
	}
}

// What a dropped node recorded gets into blocks for a while, and stays verified.
func TestDroppedNode(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	w.miner = 1
	o := &w.net.Orgs[0]
	w.mine(chaintest.Body{Events: []consensus.OrgEvent{o.Change(w.chain.State(), o.Key, true, func(e *consensus.OrgEvent) consensus.Content {
		node, recorder := chaintest.Key("second node", 1), chaintest.Key("second recorder", 1)
		return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, node, recorder)}
	})}})
	w.mine(chaintest.Body{Events: []consensus.OrgEvent{o.Change(w.chain.State(), o.Key, true, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.DropNode{Node: consensus.PublicKey(o.Node)}
	})}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.expect(ref, "recorded by a node that was dropped just now", record.Pending, "inbox")
	w.include(0)
	w.expect(ref, "in a block", record.Verified, "inbox")
	w.mineEmpty(consensus.DropGrace)
	w.expect(w.arrive(w.seal(0, letter(jo, "", text+"2"), ann)), "recorded when no block takes it", record.Invalid, "spam")
	w.must(w.v.Retrust(context.Background(), "org1.example"))
	w.expect(ref, "when the key is in the entry no more", record.Verified, "inbox")
}

// Mail that was in no block when its organisation changed is judged as of the block that takes it.
func TestRecordedAcrossAnUpdate(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	change := changed(&w.net.Orgs[0])["update"](w.chain.State())
	with := w.arrive(w.seal(0, letter(jo, "", text), ann))
	b := w.batch(0)
	before := w.chain.State()
	w.mine(chaintest.Body{Events: []consensus.OrgEvent{change}})
	if f := w.finding(with); f.Facts.FromDomainIsOrg || f.Facts.Recorder != "Another" {
		t.Errorf("pending, by %+v", f.Facts)
	}
	w.mine(chaintest.Body{Batches: []consensus.Batch{b}})
	if f := w.finding(with); f.Facts.FromDomainIsOrg || f.Block.IsZero() {
		t.Errorf("in a block behind the update: %s, %q", f.Verdict, f.Reasons)
	}
	s := w.add(before, chaintest.Body{Batches: []consensus.Batch{b}})
	s = w.add(s, chaintest.Body{Events: []consensus.OrgEvent{change}})
	w.add(s, chaintest.Body{})
	w.expect(with, "in a block before the update", record.Verified, "inbox")
}

// Who trusts a key of an organisation trusts the keys that follow it, by a pin and by the DNS.
func TestTrustFollowsKeys(t *testing.T) {
	former := consensus.PublicKey(chaintest.New(1).Orgs[0].Key)
	txt := func(context.Context, string) ([]string, error) { return []string{FormatTXT(former)}, nil }
	for name, s := range map[string]setting{
		"pin": {epochs: true, pins: []int{0}},
		"dns": {epochs: true, dns: txt},
	} {
		for _, change := range []string{"rotation", "revocation"} {
			t.Run(name+" "+change, func(t *testing.T) {
				s.cfg.Own = Own{Key: former, Domains: []string{"org1.example"}}
				w := newWorld(t, s)
				w.miner = 1
				w.mineEmpty(consensus.EpochGap)
				w.mine(chaintest.Body{Events: []consensus.OrgEvent{changed(&w.net.Orgs[0])[change](w.chain.State())}})
				org, _ := w.chain.State().OrgByKey(former)
				if org.Key == former {
					t.Fatal("the key is the same")
				}
				if speaks, a := w.trust.Speaker(context.Background(), w.chain.State(), "org1.example"); a != Names || speaks != org {
					t.Errorf("who speaks for the domain: %v, %s", speaks, a)
				}
				w.must(w.trust.Conflict(w.chain.State(), "org1.example", org.Key))
				if err := w.trust.Conflict(w.chain.State(), "org1.example", consensus.Key{1}); name == "pin" && !errors.Is(err, ErrPinned) {
					t.Errorf("another's key: %v", err)
				}
				if change != "rotation" {
					return
				}
				ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
				w.include(0)
				w.expect(ref, "recorded under the key that followed", record.Verified, "inbox") // and ours, so not missing
			})
		}
	}
}

// A node that was revoked brings nothing of its organisation's.
func TestCourierThatEnded(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	w.miner = 1
	plain := func(n int) []byte { return letter(jo, "", text+string(bytes.Repeat([]byte("x"), n))) }
	own := w.deliver(plain(1), w.courier(0), ann)[0]
	w.expect(own.Ref, "by its own node", record.Unrecorded, "inbox")
	w.mine(chaintest.Body{Events: []consensus.OrgEvent{changed(&w.net.Orgs[0])["revocation"](w.chain.State())}})
	again := w.deliver(plain(2), w.courier(0), ann)[0]
	w.expect(again.Ref, "by a node that was revoked", record.Missing, "spam")
}

// A sender's clock may be years ahead, and be put right again.
func TestClockYearsAhead(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	right := w.now
	var refs []mailstore.Ref
	for i, years := range []int{0, 10, 0} {
		w.now = right.AddDate(years, 0, 0)
		raw := w.seal(0, letter(jo, "", text+string(bytes.Repeat([]byte("x"), i))), ann)
		b := w.batch(0)
		b.Time = uint64(w.now.UnixMilli())
		b.Seal(nil, w.chain.State().Params(), w.net.Orgs[0].Recorder)
		w.now = right
		refs = append(refs, w.arrive(raw))
		w.mine(chaintest.Body{Batches: []consensus.Batch{b}})
	}
	for _, ref := range refs {
		w.expect(ref, "in a block", record.Verified, "inbox")
	}
}

// What gets into no block is late, then as if it had no record, and never spam for that.
func TestLate(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	w.miner = 1
	before := w.chain.State()
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.mineEmpty(patience - 1)
	w.expect(ref, "after 99 blocks", record.Pending, "inbox")
	if f := w.finding(ref); strings.Contains(f.Reasons[0], "late") {
		t.Errorf("late after 99 blocks: %q", f.Reasons)
	}
	w.mineEmpty(1)
	late := func(when string) {
		t.Helper()
		w.expect(ref, when, record.Pending, "inbox")
		if f := w.finding(ref); !strings.HasPrefix(f.Reasons[0], "late: ") {
			t.Errorf("%s: %q", when, f.Reasons)
		}
		if n := len(w.keys(prefixWatch)); n != 1 {
			t.Errorf("%s: %d heights are watched for one record", when, n)
		}
	}
	late("after 100 blocks")
	w.mineEmpty(lateFor - 1)
	late("after 2,015 blocks")
	w.mineEmpty(1)
	w.expect(ref, "after 2,016 blocks", record.Unrecorded, "inbox")
	tip := w.chain.State()
	w.include(0)
	w.expect(ref, "in a block at last", record.Verified, "inbox")

	// That block is left for one without it, then all that was since the arrival.
	w.add(w.add(tip, chaintest.Body{}), chaintest.Body{})
	w.expect(ref, "when its block is left", record.Pending, "inbox")
	if f := w.finding(ref); strings.Contains(f.Reasons[0], "late") || f.Late {
		t.Errorf("late at once: %q", f.Reasons)
	}
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return tx.RemoveMessage(ref.Account, ref.Message)
	}))
	w.follow()
	if n := len(w.keys(prefixWatch)); n != 0 || before.Height() >= tip.Height() {
		t.Errorf("%d heights are watched for nothing", n)
	}
}

// A number far beyond what any block would take next is not waited for.
func TestLateFarAhead(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	w.miner = 1
	arrive := func(seq uint64, text string) mailstore.Ref {
		place := recorder.Place{Chain: w.chain.State().ChainID(), Epoch: w.epoch, Seq: seq}
		raw := letter(jo, "", text)
		_, tokens := recorder.Tokens(w.net.Orgs[0].Recorder, place, []recorder.Draft{w.draft(raw, ann)})
		return w.arrive(append(tokens[0].Header(), raw...))
	}
	in, out := arrive(near, text), arrive(near+1, text+"2")
	w.mineEmpty(patience)
	w.expect(in, "the last number that is near", record.Pending, "inbox")
	w.expect(out, "the next one", record.Unrecorded, "inbox")
}

// Blocks of before the arrival make nothing late; but what a wrong clock says of the arrival does
// not count.
func TestLateByWhoseClock(t *testing.T) {
	w := newWorld(t, setting{epochs: true, pins: []int{0}})
	w.miner = 1
	w.now = chaintest.GenesisTime.AddDate(10, 0, 0)
	behind := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.clockWrong = true
	wrong := w.arrive(w.seal(0, letter(jo, "", text+"2"), ann))
	w.mineEmpty(patience)
	for ref, want := range map[mailstore.Ref]bool{behind: false, wrong: true} {
		w.expect(ref, "after 100 blocks", record.Pending, "inbox")
		if f := w.finding(ref); f.Late != want {
			t.Errorf("late %v, %q", f.Late, f.Reasons)
		}
	}
	w.include(0)
	w.expect(behind, "in a block", record.Verified, "inbox")
	w.expect(wrong, "in a block", record.Verified, "inbox")
}

// What networks without epochs keep has the keys that it always had; a finding names neither.
func TestStoredWithoutEpochs(t *testing.T) {
	series := consensus.Series{Recorder: consensus.Key{1}}
	name := string(series.Recorder[:]) + "\x00\x00\x00\x00\x00\x00\x01\x02"
	if got := string(placeKey(series, 0x0102)); got != "place/"+name {
		t.Errorf("place key %q", got)
	}
	if got := string(batchPrefix(series, 0x0102)); got != "batch/"+name {
		t.Errorf("batch prefix %q", got)
	}
	w := newWorld(t, setting{pins: []int{0}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.include(0)
	w.must(w.store.View(func(rd *mailstore.Reader) error {
		raw, err := rd.Space(space).Get(messageKey(ref))
		if bytes.Contains(raw, []byte(`"epoch"`)) || bytes.Contains(raw, []byte(`"org_event"`)) {
			t.Errorf("finding %s", raw)
		}
		return err
	}))
}
