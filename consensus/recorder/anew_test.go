package recorder

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
)

// backup restores a backup of the store as it is now elsewhere and returns the office there, before
// its recorder has done anything.
func (o *office) backup(dir string) *office {
	o.Helper()
	var dump bytes.Buffer
	o.must(o.store.View(func(rd *mailstore.Reader) error { return rd.Dump(&dump) }))
	note := mailstore.Restoration{Made: o.now.UTC(), At: o.now.UTC()}
	_, err := mailstore.Restore(filepath.Join(dir, "mail"), &dump, note, quiet)
	o.must(err)
	return o.twin(dir)
}

// tokens counts what is sealed and what waits to be.
func (o *office) tokens() (sealed, unsealed int) {
	o.Helper()
	tokens, err := o.queue.sealed()
	o.must(err)
	rest, err := o.queue.Unsealed(0, 1<<20)
	o.must(err)
	return len(tokens), len(rest)
}

// suspended reports whether somebody has what proves that the key of the offices has signed for one
// place twice.
func suspended(t fixture, s *consensus.State, key consensus.Key, offices ...*office) {
	t.Helper()
	noneTwice(t, offices...)
	if !s.Seals(key) {
		t.Fatal("the recorder key counts no longer")
	}
}

// A backup is made, ten mails are sent, the machine is lost and the backup restored: nothing is
// signed twice, nothing suspended, and all that is in the queue ends in a block and is labelled,
// whether what was open in the backup has come to a block from the lost machine or not.
func TestBackupTenMailsRestore(t *testing.T) {
	for _, tt := range []struct {
		name     string
		closed   bool // what was open in the backup was closed, with more in it
		included bool // and got into a block
	}{
		{"lost before it was closed", false, false},
		{"closed, and seen by nobody", true, false},
		{"in a block", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := epochOffice(t)
			refs := o.submit(2, 1, mail)
			o.must(o.step())
			refs = append(refs, o.submit(3, 2, mail)...)
			o.must(o.step()) // left open
			refs = append(refs, o.submit(1, 1, mail)...)
			b := o.backup(t.TempDir())
			defer func() { b.must(b.store.Close()) }()
			if n := len(b.queue.held); n != 6 {
				t.Fatalf("%d entries are held: those whose place may never be in a block", n)
			}
			if tt.closed {
				for range 10 {
					o.submit(1, 1, mail)
					o.must(o.step())
				}
				if len(o.sent) < 1 || o.rec.open.Seq < 2 {
					t.Fatal("nothing is closed")
				}
			}
			if tt.included {
				pass(3, o)
			}

			b.behind = true
			refs = append(refs, b.submit(4, 1, mail)...)
			b.must(b.step())
			if sealed, rest := b.tokens(); rest > 0 || sealed != 8+1+4 {
				t.Fatalf("%d are sealed, %d wait: mail waits", sealed, rest)
			}
			b.must(b.step())
			if n := len(b.queue.held); (n == 0) != tt.included || n != 0 && n != 6 {
				t.Errorf("%d entries are held in doubt", n)
			}
			pass(2*consensus.EpochGap, b)
			if n := len(b.queue.held); (n == 0) != tt.included {
				t.Errorf("%d entries are held while nobody was met", n)
			}
			b.behind = false
			pass(4*consensus.EpochGap, b)
			if n, got := b.verified(), b.recorded(refs...); n != 13 || got != len(refs) || len(b.queue.held) > 0 || b.waiting() > 0 {
				t.Errorf("%d in blocks, %d of %d copies recorded, %d held, %d wait", n, got, len(refs), len(b.queue.held), b.waiting())
			}
			suspended(t, b.chain.State(), b.rec.pub, o, b)
		})
	}
}

// Mail to own accounts waits for nobody: it is sealed anew at once.
func TestLocalMailIsSealedAnewAtOnce(t *testing.T) {
	o := epochOffice(t)
	o.submit(1, 1, mail)
	o.must(o.step())
	o.local = true
	o.leaveOpen(2)
	b := o.backup(t.TempDir())
	defer func() { b.must(b.store.Close()) }()
	b.behind = true
	epoch := o.rec.open.Epoch
	b.must(b.step())
	if sealed, rest := b.tokens(); sealed != 1 || rest != 2 {
		t.Fatalf("%d sealed, %d to be sealed anew", sealed, rest)
	}
	b.must(b.step())
	tokens, _ := b.queue.sealed()
	for id := uint64(2); id <= 3; id++ {
		if tokens[id] == nil || tokens[id].Record.Epoch == epoch {
			t.Errorf("entry %d is not sealed in the new epoch", id)
		}
	}
	if len(b.queue.held) > 0 {
		t.Error("local mail is held")
	}
}

// What has left for some of its recipients keeps its token while that may be in a block yet; of
// what is sealed anew then, the copy is never labelled.
func TestPartlyDelivered(t *testing.T) {
	o := epochOffice(t)
	o.submit(1, 1, mail)
	o.must(o.step())
	o.local = true
	refs := o.submit(1, 1, mail, "ann@d0.example", "bob@d0.example")
	o.must(o.step())
	b := o.backup(t.TempDir())
	defer func() { b.must(b.store.Close()) }()
	b.arrived(2, "bob@d0.example")
	b.behind = true
	b.must(b.step())
	b.must(b.step())
	if sealed, rest := b.tokens(); sealed != 2 || rest != 0 || len(b.queue.held) != 1 {
		t.Fatalf("%d sealed, %d unsealed, %d held", sealed, rest, len(b.queue.held))
	}
	b.behind = false
	pass(4*consensus.EpochGap, b)
	if b.verified() != 2 || b.recorded(refs...) != 0 {
		t.Errorf("%d copies are labelled, of which one recipient has a record that is in no block", b.recorded(refs...))
	}
}

// A token is not taken back while an attempt to deliver its mail is under way.
func TestNotWhileUnderWay(t *testing.T) {
	o := epochOffice(t)
	o.must(o.step())
	o.submit(2, 1, mail)
	o.must(o.step())
	o.queue.busy[1] = true
	other := consensus.Batch{ChainID: o.chain.State().ChainID(), Epoch: o.rec.open.Epoch, Seq: 1, Micros: []consensus.MicroRoot{{Root: consensus.Hash{1}, Count: 1}}}
	other.Seal(nil, o.chain.State().Params(), o.net.Orgs[0].Recorder)
	o.add(o.chain.State(), chaintest.Body{Batches: []consensus.Batch{other}})
	o.sent = nil
	o.must(o.step())
	if sealed, rest := o.tokens(); sealed != 1 || rest != 1 || !o.queue.held[1] {
		t.Fatalf("%d sealed, %d to be sealed anew: %v", sealed, rest, o.queue.held)
	}
	delete(o.queue.busy, 1)
	o.must(o.step())
	o.must(o.step())
	pass(2*consensus.EpochGap, o)
	if o.verified() != 2 || len(o.queue.held) > 0 {
		t.Errorf("%d in blocks, %d held", o.verified(), len(o.queue.held))
	}
}

// A copy with records in two batches, of which one is lost, is labelled when both are in blocks,
// and not while one is to be made anew.
func TestLabelFollowsTheNewToken(t *testing.T) {
	o := epochOffice(t)
	o.submit(1, 1, mail)
	o.must(o.step())
	o.queue.broken = map[uint64]error{3: fmt.Errorf("cannot be read now")}
	refs := o.submit(1, 2, mail) // entries 2 and 3
	_ = o.step()
	b := o.backup(t.TempDir())
	defer func() { b.must(b.store.Close()) }()
	b.must(b.step()) // entry 3 is sealed in the new epoch
	pass(2, b)
	if sealed, _ := b.tokens(); sealed != 3 || b.recorded(refs...) != 0 {
		t.Fatalf("%d sealed, %d recorded while one is in doubt", sealed, b.recorded(refs...))
	}
	pass(4*consensus.EpochGap, b)
	if b.verified() != 3 || b.recorded(refs...) != 1 {
		t.Errorf("%d in blocks, %d recorded", b.verified(), b.recorded(refs...))
	}
}
