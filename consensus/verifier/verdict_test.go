package verifier

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/screen"
)

// records sets what organisation number org declares about its mail.
func records(policy consensus.RecordsPolicy, floor uint8, orgs ...int) func(*chaintest.Network) {
	return func(n *chaintest.Network) {
		for _, i := range orgs {
			e := &n.Orgs[i].Event
			e.Enrol().Records, e.Enrol().ThresholdFloor = policy, floor
			e.Sign(n.Orgs[i].Key)
		}
	}
}

func replace(raw []byte, old, fresh string) []byte {
	if !bytes.Contains(raw, []byte(old)) {
		panic("the mail does not contain " + old)
	}
	return bytes.Replace(raw, []byte(old), []byte(fresh), 1)
}

// Each verdict at arrival, after the record's block, after that block was
// reverted and after it came back.
func TestVerdicts(t *testing.T) {
	type stage struct {
		verdict record.Verdict
		box     string
	}
	pending := stage{record.Pending, "inbox"}
	vouched := stage{record.Vouched, "inbox"}
	changed := stage{record.Differs, "inbox"}
	spoilt := stage{record.Differs, "spam"}
	invalid := stage{record.Invalid, "spam"}
	replayed := stage{record.Replayed, "spam"}
	plain := letter(jo, "", text)
	for _, c := range []struct {
		name    string
		raw     []byte // what is sealed; nil: plain
		org     int    // that seals
		change  func([]byte) []byte
		pins    []int
		arrives stage
		inBlock stage
	}{
		{"verified", nil, 0, nil, []int{0}, pending, stage{record.Verified, "inbox"}},
		{"first use is not trust", nil, 0, nil, nil, pending, vouched},
		{"recorded by another organisation", nil, 2, nil, []int{0, 2}, pending, vouched},
		{"two authors of one domain", letter("jo@org1.example, al@org1.example", "", text), 0, nil, []int{0}, pending, stage{record.Verified, "inbox"}},
		{"two authors, one of another domain", letter("jo@org1.example, boss@org3.example", "", text), 0, nil, []int{0, 2}, pending, vouched},
		{"a second From field of another domain", letter(jo, "From: boss@org3.example\r\n", text), 0, nil, []int{0, 2}, pending, vouched},
		{"no author", bytes.Replace(plain, []byte("From: "+jo+"\r\n"), nil, 1), 0, nil, []int{0}, pending, vouched},
		{"footer appended", nil, 0, func(b []byte) []byte { return append(b, "_______\r\nof the list\r\n"...) }, []int{0}, changed, changed},
		{"subject tagged", nil, 0, func(b []byte) []byte { return replace(b, "Subject: ", "Subject: [list] ") }, []int{0}, changed, changed},
		{"body swapped", nil, 0, func(b []byte) []byte { return replace(b, "100 to Bob", "900 to Eve") }, []int{0}, spoilt, spoilt},
		{"little left", nil, 0, func(b []byte) []byte {
			b = replace(replace(b, "Subject: Figures", "Subject: Win"), jo, "eve@org3.example")
			return replace(replace(b, "100 to Bob", "900 to Eve"), "Message-ID: <", "Message-ID: <x")
		}, []int{0}, invalid, invalid},
		{"trace fields on top", nil, 0, func(b []byte) []byte {
			return append([]byte("Return-Path: <jo@org1.example>\r\nReceived: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n"), b...)
		}, []int{0}, pending, stage{record.Verified, "inbox"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: c.pins})
			raw := c.raw
			if raw == nil {
				raw = plain
			}
			raw = w.seal(c.org, raw, ann)
			if c.change != nil {
				raw = c.change(raw)
			}
			ref := w.arrive(raw)
			w.expect(ref, "at arrival", c.arrives.verdict, c.arrives.box)
			before, batch := w.chain.State(), w.batch(c.org)
			w.mine(chaintest.Body{Batches: []consensus.Batch{batch}})
			w.expect(ref, "in a block", c.inBlock.verdict, c.inBlock.box)
			empty := w.add(w.add(before, chaintest.Body{}), chaintest.Body{})
			w.expect(ref, "block reverted", c.arrives.verdict, c.arrives.box)
			w.add(empty, chaintest.Body{Batches: []consensus.Batch{batch}})
			w.expect(ref, "in a block again", c.inBlock.verdict, c.inBlock.box)
		})
	}
	t.Run("replayed", func(t *testing.T) {
		w := newWorld(t, setting{pins: []int{0}})
		raw := w.seal(0, plain, ann)
		first := w.arrive(raw)
		again := w.arrive(raw)
		w.expect(first, "first", record.Pending, "inbox")
		w.expect(again, "again", replayed.verdict, replayed.box)
		other := w.deliver(raw, nil, ben)[0]
		w.expect(other.Ref, "to somebody else", replayed.verdict, replayed.box)
		w.include(0)
		w.expect(first, "first, in a block", record.Verified, "inbox")
		w.expect(again, "again, in a block", replayed.verdict, replayed.box)
		w.expect(other.Ref, "other, in a block", replayed.verdict, replayed.box)
	})
}

// Mail without a record, and what its sender's organisation declares.
func TestUnrecorded(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  consensus.RecordsPolicy
		pins    []int
		from    string
		verdict record.Verdict
		box     string
	}{
		{"declares all", consensus.RecordsAll, []int{0, 1, 2}, "al@org3.example", record.Missing, "spam"},
		{"declares all, one author of two", consensus.RecordsAll, []int{2}, "x@elsewhere.example, al@org3.example", record.Missing, "spam"},
		{"declares all, not trusted", consensus.RecordsAll, nil, "al@org3.example", record.Unrecorded, "inbox"},
		{"declares some", consensus.RecordsSome, []int{2}, "al@org3.example", record.Unrecorded, "inbox"},
		{"nobody's domain", consensus.RecordsAll, []int{2}, "x@elsewhere.example", record.Unrecorded, "inbox"},
		{"no author", consensus.RecordsAll, []int{2}, "", record.Unrecorded, "inbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: c.pins, change: records(c.policy, 0, 2)})
			w.expect(w.arrive(letter(c.from, "", text)), "at arrival", c.verdict, c.box)
		})
	}
}

// Tokens that are none, or not for this mail.
func TestBadTokens(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0}})
	plain := letter(jo, "", text)
	good := w.seal(0, plain, ann)
	mutate := func(at int) []byte { // flips a bit of the encoded token
		token, _, err := record.FindToken(good)
		w.must(err)
		b := token.Encode()
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		field := "Cairn-Record: " + base64.RawURLEncoding.EncodeToString(b) + "\r\n"
		return append([]byte(field), plain...)
	}
	stranger := newWorld(t, setting{late: true}).seal(1, plain, ann) // org 2 of nowhere has not enrolled there
	for _, c := range []struct {
		name, reason string
		raw          []byte
		verdict      record.Verdict
	}{
		{"garbage", "malformed Cairn token", append([]byte("Cairn-Record: what?\r\n"), plain...), record.Invalid},
		{"empty", "malformed Cairn token", append([]byte("Cairn-Record:\r\n"), plain...), record.Invalid},
		{"another chain", "another network", mutate(5), record.Invalid},
		{"wrong key", "altered or made up", mutate(7), record.Invalid},
		{"wrong seq", "altered or made up", mutate(52), record.Invalid},
		{"wrong commitment", "altered or made up", mutate(120), record.Invalid},
		{"wrong signature", "altered or made up", mutate(-1), record.Invalid},
		{"wrong secret", "less than", mutate(70), record.Invalid},
		{"copied onto another mail", "less than", append(slices.Clone(good[:bytes.Index(good, []byte("Received:"))]), letter("eve@org3.example", "", "Win!\r\n")...), record.Invalid},
		{"two tokens, the upper one counts", "malformed", append([]byte("Cairn-Record: AAAA\r\n"), good...), record.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			ref := w.arrive(c.raw)
			w.expect(ref, "at arrival", c.verdict, "spam")
			if reasons := w.finding(ref).Reasons; !strings.Contains(reasons[0], c.reason) {
				t.Errorf("reasons %q do not speak of %q", reasons, c.reason)
			}
		})
	}
	w.expect(w.arrive(good), "after all that rubbish with its token", record.Pending, "inbox")
	below := w.arrive(replace(w.seal(0, plain, ann), "Received:", "Cairn-Record: AAAA\r\nReceived:"))
	if f := w.finding(below).Facts; !f.TokenValid || f.TokenFault != "" {
		t.Errorf("of a record above rubbish: %q", f.TokenFault)
	}
	u := newWorld(t, setting{late: true, pins: []int{1}})
	ref := u.arrive(stranger)
	u.expect(ref, "of a key nobody enrolled", record.Invalid, "spam")
}

// A path of several hashes is part of what is signed.
func TestWrongPath(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	token, _, err := record.FindToken(raw)
	w.must(err)
	token.Count, token.Leaf, token.Path = 2, 1, []consensus.Hash{{1}}
	swapped := append(token.Header(), letter(jo, "", text)...)
	w.expect(w.arrive(swapped), "at arrival", record.Invalid, "spam")
}

// The record of a key that is enrolled only later, by pin and by DNS; and what
// becomes of it when the enrolment is reverted.
func TestLateEnrolment(t *testing.T) {
	for _, c := range []struct {
		name string
		dns  bool
		pins []int
	}{{"pin", false, []int{1}}, {"DNS", true, nil}} {
		t.Run(c.name, func(t *testing.T) {
			var dns LookupTXT
			org := chaintest.New(2).Orgs[1]
			if c.dns {
				dns = func(_ context.Context, name string) ([]string, error) {
					return []string{FormatTXT(consensus.PublicKey(org.Key))}, nil
				}
			}
			w := newWorld(t, setting{late: true, pins: c.pins, dns: dns, policy: screen.Policy{Invalid: screen.InvalidDiscard}})
			ref := w.arrive(w.seal(1, letter("al@org2.example", "", text), ann))
			w.expect(ref, "unknown key, kept in spite of the policy", record.Invalid, "spam")
			before := w.chain.State()
			w.mine(chaintest.Body{Events: w.net.Enrolments()})
			w.expect(ref, "enrolled", record.Pending, "inbox")
			w.include(1)
			w.expect(ref, "in a block", record.Verified, "inbox")
			if c.dns && w.finding(ref).TrustedBy != "dns" {
				t.Errorf("trusted by %q", w.finding(ref).TrustedBy)
			}
			w.add(w.add(w.add(before, chaintest.Body{}), chaintest.Body{}), chaintest.Body{})
			w.expect(ref, "enrolment reverted", record.Invalid, "spam")
		})
	}
}

// The enrolment is followed between Check and the delivery transaction.
func TestEnrolmentDuringDelivery(t *testing.T) {
	w := newWorld(t, setting{late: true, pins: []int{1}})
	raw := w.seal(1, letter("al@org2.example", "", text), ann)
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	w.mine(chaintest.Body{Events: w.net.Enrolments()})
	ref := w.put(as, raw, []string{ann})[0].Ref
	w.expect(ref, "stored", record.Pending, "inbox")
	w.include(1)
	w.expect(ref, "in a block", record.Verified, "inbox")
}

// A record waits 100 blocks, and may come after all.
func TestExpiry(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	w.now = chaintest.GenesisTime
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	batch := w.batch(0)
	w.mineEmpty(patience - 1)
	w.expect(ref, "after 99 blocks", record.Pending, "inbox")
	before := w.chain.State()
	w.mineEmpty(1)
	w.expect(ref, "after 100 blocks", record.Invalid, "spam")
	w.add(w.add(before, chaintest.Body{}), chaintest.Body{})
	w.expect(ref, "on another branch", record.Invalid, "spam")
	before = w.chain.State()
	w.mine(chaintest.Body{Batches: []consensus.Batch{batch}})
	w.expect(ref, "included late", record.Verified, "inbox")
	w.add(w.add(before, chaintest.Body{}), chaintest.Body{})
	w.expect(ref, "reverted after its deadline", record.Pending, "inbox")
}

// A record that got into a block in time is not late because that block was
// reverted long after: it waits anew from there.
func TestRevertedAfterDeadline(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	before, batch := w.chain.State(), w.batch(0)
	w.mine(chaintest.Body{Batches: []consensus.Batch{batch}})
	w.mineEmpty(patience)
	w.expect(ref, "100 blocks later", record.Verified, "inbox")
	s := w.branch(before, patience+2)
	w.expect(ref, "reverted", record.Pending, "inbox")
	if n := len(w.keys(prefixWatch)); n != 1 {
		t.Errorf("%d heights are watched for one record", n)
	}
	last := s
	for range patience - 1 {
		last = w.add(last, chaintest.Body{})
	}
	w.expect(ref, "99 blocks after that", record.Pending, "inbox")
	w.add(last, chaintest.Body{})
	w.expect(ref, "100 blocks after that", record.Invalid, "spam")
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return tx.RemoveMessage(ref.Account, ref.Message)
	}))
	w.follow()
	if n := len(w.keys(prefixWatch)); n != 0 {
		t.Errorf("%d heights are watched for nothing", n)
	}
}

// Blocks from before a mail arrived do not count against its record: the
// chain is being caught up with.
func TestExpiryWhileCatchingUp(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	w.now = chaintest.GenesisTime.Add(150 * chaintest.Interval)
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.mineEmpty(patience + 1)
	w.expect(ref, "after 101 old blocks", record.Pending, "inbox")
	w.mineEmpty(patience)
	w.expect(ref, "after 101 old and 100 more blocks", record.Invalid, "spam")
}

func TestConflict(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	before := w.chain.State()
	ours := w.batch(0)
	other := w.net.Batches(before, 0, 1, "something else")
	w.mine(chaintest.Body{Batches: other})
	w.expect(ref, "another root at its place", record.Invalid, "spam")
	w.add(w.add(before, chaintest.Body{Batches: []consensus.Batch{ours}}), chaintest.Body{})
	w.expect(ref, "its own on the other branch", record.Verified, "inbox")
}

// A courier that did not hear our answer comes again: no second copy, and no
// replay. Nobody else may do so.
func TestRetry(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0}})
	plain := letter(jo, "", text)
	raw := w.seal(0, plain, ann)
	w.expect(w.deliver(raw, w.courier(0), ann)[0].Ref, "first", record.Pending, "inbox")
	if d := w.deliver(raw, w.courier(0), ann)[0]; d.stored {
		t.Error("the courier's retry was stored again")
	}
	changed := replace(raw, "100 to Bob", "900 to Eve")
	w.expect(w.deliver(changed, w.courier(0), ann)[0].Ref, "another text under the same token", record.Differs, "spam")
	w.expect(w.deliver(raw, w.courier(2), ann)[0].Ref, "from another organisation", record.Replayed, "spam")
	w.expect(w.deliver(raw, nil, ann)[0].Ref, "from nobody known", record.Replayed, "spam")
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	if e := screened(as.Found()).Evidence(); len(e) != 1 || e[0].Result != "policy" || e[0].Reason != "verdict=replayed" || e[0].About != "org1.example" {
		t.Errorf("a replay is evidence of %v", e)
	}
}

// A courier comes again although the chain knows its recorder key, or its node, no more: it went
// another way, or the node has ended. There is no second copy, as long as nobody else brings it.
func TestRetryOfWhatTheChainLost(t *testing.T) {
	node, next := chaintest.Key("second node", 1), chaintest.Key("next recorder", 1)
	added := func(o *chaintest.Org, s *consensus.State) consensus.OrgEvent {
		return o.Change(s, o.Key, true, func(e *consensus.OrgEvent) consensus.Content {
			return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, node, next)}
		})
	}
	for name, c := range map[string]struct {
		change  func(*chaintest.Org, *consensus.State) consensus.OrgEvent
		courier ed25519.PrivateKey // none: the first node
		then    string             // a change; none: the chain goes another way
	}{
		"key":        {change: func(o *chaintest.Org, s *consensus.State) consensus.OrgEvent { return changed(o)["replacement"](s) }},
		"node":       {change: added, courier: node},
		"revocation": {change: func(o *chaintest.Org, s *consensus.State) consensus.OrgEvent { return changed(o)["replacement"](s) }, then: "revocation"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{epochs: true, orgs: 3, pins: []int{0}})
			w.miner = 1
			w.mineEmpty(consensus.EpochGap)
			s, o, courier := w.chain.State(), &w.net.Orgs[0], w.courier(0)
			w.mine(chaintest.Body{Events: []consensus.OrgEvent{c.change(o, s)}})
			o.Recorder = next
			if c.courier != nil {
				k := consensus.PublicKey(c.courier)
				courier = &k
			}
			raw := w.seal(0, letter(jo, "", text), ann)
			w.expect(w.deliver(raw, courier, ann)[0].Ref, "first", record.Pending, "inbox")
			if c.then != "" {
				w.mine(chaintest.Body{Events: []consensus.OrgEvent{changed(o)[c.then](w.chain.State())}})
			} else {
				w.add(w.add(s, chaintest.Body{}), chaintest.Body{})
			}
			if _, known := w.chain.State().OrgByRecorder(o.RecorderKey()); known && w.chain.State().Seals(o.RecorderKey()) {
				t.Fatal("the key counts still")
			}
			if d := w.deliver(raw, courier, ann)[0]; d.stored {
				t.Errorf("the courier's retry was stored again, as %s", w.finding(d.Ref).Verdict)
			}
			for _, other := range []*consensus.Key{nil, w.courier(2)} {
				if f := w.finding(w.deliver(raw, other, ann)[0].Ref); f.Verdict != record.Replayed && f.Verdict != record.Invalid {
					t.Errorf("brought by another: %s", f.Verdict)
				}
			}
			if d := w.deliver(replace(raw, "100 to Bob", "900 to Eve"), courier, ann)[0]; !d.stored {
				t.Error("another text under the same token was not stored")
			}
		})
	}
}

// One delivery to two recipients of whom the record names one.
func TestOneOfTwoRecipients(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	d := w.deliver(raw, nil, ann, ben)
	w.expect(d[0].Ref, "named", record.Pending, "inbox")
	w.expect(d[1].Ref, "not named", record.Replayed, "spam")
	w.include(0)
	w.expect(d[0].Ref, "named, in a block", record.Verified, "inbox")
	f := w.finding(d[0].Ref).Facts.Comparison
	if f.Extra != 0 || f.Same != f.Recorded || !f.AllSame() {
		t.Errorf("ann's copy is compared as %+v", f)
	}
}

// Letter case makes no other recipient: not for the record, and not for a
// replay.
func TestRecipientCase(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), "Ann@ORG2.example")
	w.expect(w.arrive(raw), "at arrival", record.Pending, "inbox")
	for _, rcpt := range []string{ann, "Ann@org2.example", "aNN@Org2.Example."} {
		d := w.deliver(raw, nil, rcpt)[0]
		w.expect(d.Ref, "again to "+rcpt, record.Replayed, "spam")
	}
}

// Recipients that share a copy share the first one's verdict.
func TestSharedCopy(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	rcpts := []string{ann, "alias@org2.example"}
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: rcpts})
	w.must(err)
	var ref mailstore.Ref
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		a, err := tx.AccountByAddress(ann)
		if err != nil {
			return err
		}
		f, _, err := as.Admit(tx, a.ID, rcpts[0])
		if err != nil {
			return err
		}
		labels := append(w.filing.decide(f).Labels, mailstore.LabelUnread)
		if _, _, err := as.Admit(tx, a.ID, rcpts[1]); err != nil {
			return err
		}
		m := mailstore.Message{Account: a.ID, Received: w.now}
		if m.Blob, err = tx.PutBlob(raw); err != nil {
			return err
		}
		m.ID, err = tx.AddMessage(m, labels)
		ref = m.Ref()
		return errors.Join(err, as.Stored(tx, rcpts[0], m), as.Stored(tx, rcpts[1], m))
	}))
	w.expect(ref, "shared", record.Pending, "inbox")
	if err := w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return as.Stored(tx, "who@org2.example", mailstore.Message{})
	}); err == nil {
		t.Error("a recipient that was not admitted can be stored")
	}
}

// What is known about removed mail goes with it; that its record was used
// stays known.
func TestRemoved(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	refs := []mailstore.Ref{w.arrive(raw), w.arrive(letter("x@elsewhere.example", "", text))}
	w.include(0)
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return errors.Join(tx.RemoveMessage(refs[0].Account, refs[0].Message), tx.RemoveMessage(refs[1].Account, refs[1].Message))
	}))
	w.follow()
	for _, prefix := range []string{prefixMessage, prefixBatch, prefixDomain, prefixWatch, prefixDue} {
		if keys := w.keys(prefix); len(keys) > 0 {
			t.Errorf("%d keys are left: %q", len(keys), keys)
		}
	}
	w.expect(w.arrive(raw), "again", record.Replayed, "spam")
}

func TestPolicy(t *testing.T) {
	rubbish := append([]byte("Cairn-Record: AAAA\r\n"), letter(jo, "", text)...)
	tagged := func(w *world) []byte { // 5 of 6 parts are the same: 83 %
		raw := replace(w.seal(0, letter(jo, "", text), ann), "Subject: ", "Subject: [x] ")
		return replace(raw, "Message-ID: <", "Message-ID: <x")
	}
	for _, c := range []struct {
		name      string
		policy    screen.Policy
		threshold int
		floor     uint8
		account   string // the recipient's own threshold
		raw       func(*world) []byte
		verdict   record.Verdict
		box       string // empty: discarded
		says      string
	}{
		{"invalid is spam", screen.Policy{}, 0, 0, "", func(*world) []byte { return rubbish }, record.Invalid, "spam", ""},
		{"invalid is put apart", screen.Policy{Invalid: screen.InvalidQuarantine}, 0, 0, "", func(*world) []byte { return rubbish }, record.Invalid, mailstore.LabelQuarantine, ""},
		{"invalid is dropped", screen.Policy{Invalid: screen.InvalidDiscard}, 0, 0, "", func(*world) []byte { return rubbish }, record.Invalid, "", ""},
		{"only invalid is dropped", screen.Policy{Invalid: screen.InvalidDiscard}, 0, 0, "", tagged, record.Differs, "inbox", ""},
		{"default threshold", screen.Policy{}, 0, 0, "", tagged, record.Differs, "inbox", "at least 75 %"},
		{"own threshold", screen.Policy{}, 90, 0, "", tagged, record.Invalid, "spam", "less than 90 %, which this node's administrator asks for"},
		{"the sender's floor raises", screen.Policy{}, 0, 90, "", tagged, record.Invalid, "spam", "less than 90 %, which the sender's organisation asks for"},
		{"the sender's floor does not lower", screen.Policy{}, 90, 10, "", tagged, record.Invalid, "spam", "less than 90 %, which this node's administrator asks for"},
		{"nor lower the default", screen.Policy{}, 0, 10, "", func(w *world) []byte {
			return replace(tagged(w), "00:00:00 +0000\r\nSubject", "01:00:00 +0000\r\nSubject")
		}, record.Invalid, "spam", "less than 75 %"},
		{"the recipient raises", screen.Policy{}, 80, 85, "95", tagged, record.Invalid, "spam", "less than 95 %, which the recipient asks for"},
		{"the recipient does not lower", screen.Policy{}, 80, 90, "1", tagged, record.Invalid, "spam", "less than 90 %, which the sender's organisation asks for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The founder's event is in genesis, so org 3 records.
			w := newWorld(t, setting{orgs: 3, cfg: Config{Threshold: c.threshold}, policy: c.policy, pins: []int{2}, change: records(consensus.RecordsAll, c.floor, 2)})
			w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
				return tx.SetSetting(1, SettingThreshold, c.account)
			}))
			w.net.Orgs[0], w.net.Orgs[2] = w.net.Orgs[2], w.net.Orgs[0]
			raw := c.raw(w)
			w.net.Orgs[0], w.net.Orgs[2] = w.net.Orgs[2], w.net.Orgs[0]
			d := w.deliver(raw, nil, ann)[0]
			if d.stored != (c.box != "") {
				t.Fatalf("stored: %v", d.stored)
			}
			if d.stored {
				w.expect(d.Ref, "at arrival", c.verdict, c.box)
				if reasons := w.finding(d.Ref).Reasons; !strings.HasSuffix(reasons[0], c.says) {
					t.Errorf("reasons %q do not say %q", reasons, c.says)
				}
			}
		})
	}
}

// Mail that its reader has moved stays where it is.
func TestMovedByReader(t *testing.T) {
	w := newWorld(t, setting{late: true, pins: []int{1}})
	ref := w.arrive(w.seal(1, letter("al@org2.example", "", text), ann))
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return tx.SetLabels(ref.Account, ref.Message, []string{"keep"}, []string{"spam", "unread"})
	}))
	w.mine(chaintest.Body{Events: w.net.Enrolments()})
	w.include(1)
	if got, want := w.labels(ref), []string{"keep", "verdict/verified"}; !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
}

// What stands in a From field may be of any length and number, and is no reason
// for the store to stop.
func TestUnreasonableAuthors(t *testing.T) {
	w := newWorld(t, setting{orgs: 2, pins: []int{0}})
	w.arrive(w.seal(0, letter("<a@"+strings.Repeat("x.", 35_000)+"example>", "", text), ann))
	from := jo
	for i := range maxDomains {
		from += fmt.Sprintf(", x@a%02d.example", i)
	}
	w.expect(w.arrive(w.seal(0, letter(from, "", text), ann)), "many domains", record.Invalid, "spam")
	w.expect(w.arrive(w.seal(0, letter(jo, "", text), ann)), "the next mail", record.Pending, "inbox")
}

// An organisation that records all its mail hears of what it could not record:
// the report is brought by its own node.
func TestUnrecordedReportOfOwnNode(t *testing.T) {
	w := newWorld(t, setting{orgs: 2, pins: []int{0, 1}, change: records(consensus.RecordsAll, 0, 1)})
	report := letter("Mail Delivery System <postmaster@org2.example>", "", text)
	w.expect(w.deliver(report, nil, ann)[0].Ref, "from anybody", record.Missing, "spam")
	w.expect(w.deliver(report, w.courier(0), ann)[0].Ref, "from another node", record.Missing, "spam")
	w.expect(w.deliver(report, w.courier(1), ann)[0].Ref, "from the own node", record.Unrecorded, "inbox")
}
