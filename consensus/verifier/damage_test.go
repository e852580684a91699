package verifier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw"
	"cairn/smtpgw/screen"
)

// spoilt opens the store anew after the values of keys, those that end so, have become damaged.
func (w *world) spoilt(t *testing.T, keys ...[]byte) {
	t.Helper()
	w.must(w.store.Close())
	for _, key := range keys {
		spoil(t, w.dir, bytes.Clone(key))
	}
	var err error
	w.store, err = mailstore.Open(w.dir, quiet)
	w.must(err)
	w.trust, err = OpenTrust(w.store, nil)
	w.must(err)
	w.restart()
}

// about is the key with a prefix that is about a message.
func (w *world) about(prefix string, ref mailstore.Ref) []byte {
	w.Helper()
	for _, key := range w.keys(prefix) {
		if mailstore.RefOf(key) == ref {
			return key
		}
	}
	w.Fatalf("no key %s about %v", prefix, ref)
	return nil
}

// TestDamageStopsNoOtherMail: whatever is damaged of what is kept about one mail, other mail is
// judged by the chain and by the trust of now, and so is that one where nothing about it is lost.
func TestDamageStopsNoOtherMail(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  func(w *world, hurt mailstore.Ref) []byte
		kept bool // what decides the verdict of the mail that it is about
	}{
		{"message", func(w *world, hurt mailstore.Ref) []byte { return w.about(prefixMessage, hurt) }, false},
		{"batch", func(w *world, hurt mailstore.Ref) []byte { return w.about(prefixBatch, hurt) }, true},
		{"watch", func(w *world, hurt mailstore.Ref) []byte { return w.about(prefixWatch, hurt) }, true},
		{"domain", func(w *world, hurt mailstore.Ref) []byte { return w.about(prefixDomain, hurt) }, true},
		{"org", func(w *world, hurt mailstore.Ref) []byte { return w.about(prefixOrg, hurt) }, true},
		{"accepted", func(w *world, _ mailstore.Ref) []byte { return w.keys(prefixAccepted)[0] }, true},
		{"place", func(w *world, _ mailstore.Ref) []byte {
			w.include(0)
			return w.keys(prefixPlace)[0]
		}, true},
		{"due", func(w *world, hurt mailstore.Ref) []byte {
			w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
				return putDue(tx.Space(space), recorderPrefix(w.finding(hurt).Recorder), 0)
			}))
			return w.keys(prefixDue)[0]
		}, true},
		{"cursor", func(w *world, _ mailstore.Ref) []byte { return []byte(keyCursor) }, true},
		{"journal", func(w *world, _ mailstore.Ref) []byte {
			w.follow()
			return []byte(keyJournal)
		}, true},
		{"filing", func(w *world, hurt mailstore.Ref) []byte {
			w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
				return smtpgw.NewFiling(screen.Policy{}).Keep(tx, hurt, screen.Evidence{screen.History{}.Evidence(jo)})
			}))
			return hurt.Append([]byte("sfiling\x00"))
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}})
			hurt := w.arrive(w.seal(0, letter(jo, "", text), ann))
			other := w.arrive(w.seal(2, letter("al@org3.example", "", text), ann))
			third := w.arrive(w.seal(2, letter("al@org3.example", "", text+"more"), ann))
			w.spoilt(t, tt.key(w, hurt))
			if tt.name != "place" {
				w.include(0)
			}
			w.include(2)
			w.remove(third)
			w.must(w.v.Follow(t.Context(), w.now))
			_, err := w.find(third)
			if !errors.Is(err, mailstore.ErrNotFound) {
				t.Errorf("a mail that is gone is known: %v", err)
			}
			if f := w.finding(other); f.Verdict != record.Verified {
				t.Errorf("the other mail is %s", f.Verdict)
			}
			_, err = w.trust.Unpin(t.Context(), "org1.example", w.now)
			w.must(err)
			w.must(w.v.Retrust(t.Context(), "org1.example"))
			if !tt.kept {
				return
			}
			if f := w.finding(hurt); f.Verdict != record.Vouched {
				t.Errorf("the mail itself is %s", f.Verdict)
			}
		})
	}
}

// TestDamagedPlaceAtArrival: mail of a batch whose place is damaged is told to come again, and
// judged once that is read from the chain anew.
func TestDamagedPlaceAtArrival(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0}})
	first, second := w.seal(0, letter(jo, "", text), ann), w.seal(0, letter(jo, "", text+"more"), ann)
	w.arrive(first)
	w.include(0)
	w.spoilt(t, w.keys(prefixPlace)[0])
	a := Arrival{Raw: second, Recipients: []string{ann}, Received: w.now}
	if _, err := w.v.Check(t.Context(), a); !errors.Is(err, mailstore.ErrDamaged) {
		t.Fatalf("the place was to be damaged: %v", err)
	}
	w.must(w.v.Follow(t.Context(), w.now))
	w.expect(w.arrive(second), "read anew", record.Verified, "inbox")
}

// TestDamagedPin: a pin of which nobody knows any more what it says is none, also where the node
// started with it, until it is given again; the others stand.
func TestDamagedPin(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}})
	hurt := w.arrive(w.seal(0, letter(jo, "", text), ann))
	other := w.arrive(w.seal(2, letter("al@org3.example", "", text), ann))
	w.include(0)
	w.include(2)
	w.spoilt(t, []byte("strust\x00org1.example"))
	if got := w.trust.Damaged(); len(got) != 1 || got[0] != "org1.example" {
		t.Errorf("damaged: %q", got)
	}
	start := Pin{Domain: "org1.example", Key: consensus.PublicKey(w.net.Orgs[0].Key), Source: SourceInvite}
	w.must(w.trust.PinAtStart(t.Context(), start))
	w.must(w.v.retrustUnsettled(t.Context()))
	w.expect(hurt, "nobody knows", record.Vouched, "inbox")
	w.expect(other, "of another domain", record.Verified, "inbox")
	w.pin(0)
	w.must(w.v.Retrust(t.Context(), "org1.example"))
	w.expect(hurt, "given again", record.Verified, "inbox")
	if got := w.trust.Damaged(); len(got) != 0 {
		t.Errorf("damaged: %q", got)
	}
}

// TestSilentUnrecorded: mail without a record, from a domain that declares that it records all, is
// judged anew once the DNS of that answers, or when it is pinned.
func TestSilentUnrecorded(t *testing.T) {
	for _, pinned := range []bool{false, true} {
		key, failure := consensus.Key{}, error(nil)
		w := newWorld(t, setting{orgs: 3, change: records(consensus.RecordsAll, 0, 0), dns: func(_ context.Context, name string) ([]string, error) {
			if name == "_cairn.org1.example" {
				return []string{FormatTXT(key)}, failure
			}
			return nil, nil
		}})
		key = w.net.Orgs[0].Event.Enrol().OrgKey
		w.expect(w.arrive(letter(jo, "", text)), "the DNS answers", record.Missing, "spam")
		failure = errors.New("no answer")
		w.trust.dns.forget("org1.example")
		ref := w.arrive(letter(jo, "", text+"more"))
		w.expect(ref, "silent", record.Unrecorded, "inbox")
		w.mine(chaintest.Body{})
		_, err := w.v.askAgain(t.Context(), nil, w.now)
		w.must(err)
		w.expect(ref, "silent still", record.Unrecorded, "inbox")
		if pinned {
			w.pin(0)
			w.must(w.v.Retrust(t.Context(), "org1.example"))
		} else {
			failure = nil
			w.trust.dns.forget("org1.example")
			_, err = w.v.askAgain(t.Context(), nil, w.now)
			w.must(err)
		}
		w.expect(ref, "it answers", record.Missing, "spam")
		w.remove(ref)
		w.must(w.v.Follow(t.Context(), w.now))
		if left := w.keys(prefixDomain); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// TestDamageIsMended: what a check of the store makes anew of this map is as it was, and so is what
// the verifier reads from the chain again.
func TestDamageIsMended(t *testing.T) {
	for _, prefix := range []string{prefixMessage, prefixBatch, prefixDomain, prefixOrg, prefixWatch, prefixPlace, prefixDue, prefixAccepted, keyCursor, keyJournal} {
		t.Run(prefix, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}})
			ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
			w.arrive(w.seal(2, letter("al@org3.example", "", text), ann))
			w.include(2)
			w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
				return putDue(tx.Space(space), recorderPrefix(w.finding(ref).Recorder), 0)
			}))
			w.spoilt(t, w.keys(prefix)[0])
			check := func(repair bool) (found, mended int) {
				_, err := w.store.Check(t.Context(), repair, func(f mailstore.Fault) {
					if found++; f.Mended {
						mended++
					}
				}, MapCheck())
				w.must(err)
				return found, mended
			}
			if found, _ := check(false); found != 1 {
				t.Fatalf("%d faults", found)
			}
			found, mended := check(true)
			if kept := !slices.Contains([]string{prefixPlace, keyCursor}, prefix); (mended == 1) != kept || found != 1 {
				t.Errorf("%d faults, %d mended", found, mended)
			} else if left, _ := check(false); (left == 0) != kept {
				t.Errorf("%d faults left", left)
			}
			w.include(0)
			w.must(w.v.Follow(t.Context(), w.now))
			w.expect(ref, "mended", record.Verified, "inbox")
		})
	}
}

// TestDamageOffTheBranch: where a batch stands, or how far the chain was followed, is damaged when
// the chain has left the block with that batch and the verifier has not seen it. Repaired or not,
// no mail stays verified by that block.
func TestDamageOffTheBranch(t *testing.T) {
	for _, repair := range []bool{false, true} {
		for _, key := range []string{keyCursor, prefixPlace} {
			w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}})
			w.miner = 1
			fork := w.chain.State()
			refs := []mailstore.Ref{w.arrive(w.seal(0, letter(jo, "", text), ann)), w.arrive(w.seal(2, letter("al@org3.example", "", text), ann))}
			w.add(fork, chaintest.Body{Batches: []consensus.Batch{w.batch(0), w.batch(2)}})
			w.expect(refs[0], "in a block", record.Verified, "inbox")
			w.miner = 2
			for s := fork; s.Tip() != w.chain.State().Tip(); {
				var b *consensus.Block
				b, s = w.block(s, chaintest.Body{})
				w.putUnfollowed(b)
			}
			w.spoilt(t, w.keys(key)[0])
			if repair {
				_, err := w.store.Check(t.Context(), true, nil, MapCheck())
				w.must(err)
			}
			w.must(w.v.Follow(t.Context(), w.now))
			for _, ref := range refs {
				w.expect(ref, key+" was damaged", record.Pending, "inbox")
			}
		}
	}
}

// TestDamagedJournalAndTrust: a change of the journal that is damaged holds no change of trust up.
func TestDamagedJournalAndTrust(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.include(0)
	w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space(space).PutJSON([]byte(keyJournal), mailstore.ModSeq(0))
	}))
	w.spoilt(t, binary.BigEndian.AppendUint64([]byte("j"), 1))
	w.unpin("org1.example")
	w.must(w.v.Retrust(t.Context(), "org1.example"))
	w.expect(ref, "taken back", record.Vouched, "inbox")
}
