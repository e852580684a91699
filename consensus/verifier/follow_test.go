package verifier

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// A block may decide more mail than one transaction can label.
func TestOneBlockDecidesMuchMail(t *testing.T) {
	const copies = 4000
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	for range copies / 100 {
		w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
			for range 100 { // as if a hundred records of the batch came in
				f := *as.found
				m := mailstore.Message{Account: 1, Received: w.now}
				if m.Blob, err = tx.PutBlob(raw); err != nil {
					return err
				}
				if m.ID, err = tx.AddMessage(m, w.filing.decide(&f).Labels); err != nil {
					return err
				}
				if err := w.v.link(tx, m.Ref(), &f, false); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	w.include(0)
	w.must(w.store.View(func(rd *mailstore.Reader) error {
		counts, err := rd.LabelCounts(1)
		if counts["verdict/verified"] != copies || counts["verdict/pending"] != 0 {
			t.Errorf("labels %v", counts)
		}
		return err
	}))
	if keys := w.keys(prefixDue); len(keys) > 0 {
		t.Errorf("%d tasks are left", len(keys))
	}
}

// A stop between the step that follows and the revisions loses nothing.
func TestStopBeforeRevisions(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	b := w.net.Mine(w.chain.State(), 0, chaintest.Body{Batches: []consensus.Batch{w.batch(0)}})
	_, err := w.chain.AddBlock(b, late)
	w.must(err)
	_, err = w.v.advance(context.Background(), followStep)
	w.must(err)
	w.expect(ref, "before the revisions", record.Pending, "inbox")
	w.restart()
	w.follow()
	w.expect(ref, "after a restart", record.Verified, "inbox")
}

// The chain directory was lost and is fetched anew.
func TestStartOver(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	before := w.chain.State()
	batch := w.batch(0)
	w.mine(chaintest.Body{Batches: []consensus.Batch{batch}})
	w.expect(ref, "in a block", record.Verified, "inbox")

	db, err := chain.OpenDB(t.TempDir(), quiet)
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	old := w.chain
	w.chain, err = chain.Open(db, w.net.Genesis, quiet)
	w.must(err)
	w.restart()
	w.follow()
	w.expect(ref, "with genesis alone", record.Pending, "inbox")
	first, err := old.Block(before.Tip())
	w.must(err)
	_, err = w.chain.AddBlock(first, late)
	w.must(err)
	w.mineEmpty(1)
	w.expect(ref, "on a chain without it", record.Pending, "inbox")
	w.mine(chaintest.Body{Batches: []consensus.Batch{batch}})
	w.expect(ref, "in a block again", record.Verified, "inbox")
}

// Run follows by itself.
func TestRun(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	ctx, cancel := context.WithCancel(context.Background())
	changed, unsubscribe := w.store.Subscribe()
	defer unsubscribe()
	done := make(chan error)
	go func() { done <- w.v.Run(ctx) }()
	b := w.net.Mine(w.chain.State(), 0, chaintest.Body{Batches: []consensus.Batch{w.batch(0)}})
	_, err := w.chain.AddBlock(b, late)
	w.must(err)
	for w.finding(ref).Verdict != record.Verified {
		<-changed
	}
	cancel()
	w.must(<-done)
}

// Whatever blocks come and go while mail arrives, the stored verdicts are in
// the end those that the chain gives from scratch.
func TestVerdictsFollowTheChain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, setting{orgs: 3, late: true, pins: []int{0, 2}})
		type mail struct {
			ref mailstore.Ref
			raw []byte
		}
		var mails []mail
		var batches [3][]consensus.Batch // closed, by organisation
		states := []*consensus.State{w.chain.State()}
		mine := func(at int) {
			s := states[at]
			var body chaintest.Body
			enrolled := len(s.Orgs()) == len(w.net.Orgs)
			if !enrolled && rapid.Bool().Draw(r, "enrol") {
				body.Events, enrolled = w.net.Enrolments(), true
			}
			for org := range batches {
				tip, _ := s.BatchTip(consensus.Series{Recorder: w.net.Orgs[org].RecorderKey()})
				for _, b := range batches[org] {
					if (org == 0 || enrolled) && b.Seq == tip.Seq+1 && b.Prev == tip.ID && b.Time <= s.Time()+uint64(chaintest.Interval.Milliseconds()) && rapid.Bool().Draw(r, "include") {
						body.Batches = append(body.Batches, b)
						break
					}
				}
			}
			states = append(states, w.add(s, body))
		}
		rounds := rapid.IntRange(1, 40).Draw(r, "rounds")
		for range rounds {
			org := rapid.IntRange(0, 2).Draw(r, "org")
			switch rapid.IntRange(0, 3).Draw(r, "what") {
			case 0:
				raw := letter(rapid.SampledFrom([]string{jo, "al@org2.example", "cy@org3.example"}).Draw(r, "from"), "", text)
				raw = w.seal(org, raw, ann)
				if rapid.IntRange(0, 3).Draw(r, "changed") == 0 {
					raw = append(raw, "___\r\nfooter\r\n"...)
				}
				mails = append(mails, mail{w.arrive(raw), raw})
			case 1:
				if len(w.micros[org]) > 0 {
					batches[org] = append(batches[org], w.batch(org))
				}
			case 2:
				mine(len(states) - 1)
			case 3: // any earlier block may be built on
				mine(rapid.IntRange(0, len(states)-1).Draw(r, "parent"))
			}
			if rapid.IntRange(0, 7).Draw(r, "restart") == 0 {
				w.restart()
			}
		}
		w.follow()
		for i, m := range mails {
			want, err := w.v.Inspect(context.Background(), m.raw, []string{ann})
			w.must(err)
			got := w.finding(m.ref)
			if got.Verdict != want.Verdict || !slices.Equal(got.Reasons, want.Reasons) || got.Block != want.Block || got.Org != want.Org {
				r.Fatalf("mail %d: stored %s %q in %v, from scratch %s %q in %v", i, got.Verdict, got.Reasons, got.Block, want.Verdict, want.Reasons, want.Block)
			}
			if labels := w.labels(m.ref); !containsAll(labels, w.filing.decide(want).Labels) {
				r.Fatalf("mail %d is %s and has labels %q", i, want.Verdict, labels)
			}
		}
	})
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
