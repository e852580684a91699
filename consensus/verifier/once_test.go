package verifier

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

const day = 24 * time.Hour

func (w *world) remove(r mailstore.Ref) {
	w.Helper()
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		return tx.RemoveMessage(r.Account, r.Message)
	}))
	w.follow()
}

// A record is used once as long as its mail is kept, and once its mail is
// removed until it is too old in any case.
func TestUsedOnceForEver(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	first := w.arrive(raw)
	w.now = w.now.Add(1000 * day)
	w.follow()
	again := w.arrive(raw)
	w.expect(again, "a thousand days later", record.Replayed, "spam")
	if reasons := strings.Join(w.finding(again).Reasons, "\n"); !strings.Contains(reasons, "delivered to this recipient before") || !strings.Contains(reasons, "1000 days old") {
		t.Errorf("reasons %q", reasons)
	}
	// What was accepted is known of whoever comes again, for ever.
	if d := w.deliver(raw, w.courier(0), ann)[0]; !d.stored {
		t.Error("another courier's delivery was taken for a retry of what nobody brought")
	}
	w.remove(again)
	if n := len(w.keys(prefixAccepted)); n != 1 {
		t.Errorf("%d acceptances after a replay was removed, want 1", n)
	}
	w.remove(first)
	if a, g := len(w.keys(prefixAccepted)), len(w.keys(prefixGone)); a != 0 || g != 0 {
		t.Errorf("%d acceptances and %d of removed mail are left", a, g)
	}
}

func TestRemovedWhileItsRecordIsYoung(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	raw := w.seal(0, letter(jo, "", text), ann)
	w.remove(w.arrive(raw))
	w.now = w.now.Add(record.MaxAge)
	w.follow()
	w.expect(w.arrive(raw), "30 days later", record.Replayed, "spam")
	w.now = w.now.Add(time.Millisecond)
	w.follow()
	if a, g := len(w.keys(prefixAccepted)), len(w.keys(prefixGone)); a != 0 || g != 0 {
		t.Errorf("%d acceptances and %d of removed mail are left", a, g)
	}
	w.expect(w.arrive(raw), "and a millisecond", record.Replayed, "spam")
}

// The age of a record counts at arrival; who carried it may explain it.
func TestOldRecords(t *testing.T) {
	for _, c := range []struct {
		name    string
		after   time.Duration
		courier int // organisation whose node brings it; -1: nobody known
		change  func([]byte) []byte
		verdict record.Verdict
		box     string
	}{
		{"on the last day", record.MaxAge, -1, nil, record.Pending, "inbox"},
		{"a moment later", record.MaxAge + time.Millisecond, -1, nil, record.Replayed, "spam"},
		{"by another organisation's node", 90 * day, 2, nil, record.Replayed, "spam"},
		{"by its own node, whose queue was long", 90 * day, 0, nil, record.Pending, "inbox"},
		{"with a footer in time", record.MaxAge, -1, footer, record.Differs, "inbox"},
		{"with a footer too late", 31 * day, -1, footer, record.Differs, "spam"},
		{"from before its record", -100 * day, -1, nil, record.Pending, "inbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{orgs: 3, pins: []int{0}})
			raw := w.seal(0, letter(jo, "", text), ann)
			if c.change != nil {
				raw = c.change(raw)
			}
			w.now = w.now.Add(c.after)
			var courier *consensus.Key
			if c.courier >= 0 {
				courier = w.courier(c.courier)
			}
			w.expect(w.deliver(raw, courier, ann)[0].Ref, "at arrival", c.verdict, c.box)
		})
	}
	t.Run("a file is no arrival", func(t *testing.T) {
		w := newWorld(t, setting{pins: []int{0}})
		raw := w.seal(0, letter(jo, "", text), ann)
		w.include(0)
		f, err := w.v.Inspect(context.Background(), raw, []string{ann})
		w.must(err)
		if f.Verdict != record.Verified {
			t.Errorf("%s %q", f.Verdict, f.Reasons)
		}
	})
}

func footer(b []byte) []byte { return append(b, "_______\r\nof the list\r\n"...) }

// What earlier versions kept: acceptances that name no message and an index by
// age, findings without the facts that later rules ask for. Nothing of it
// changes a verdict, and the index goes.
func TestFromEarlierVersions(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	const old = 2*reviseStep + 3
	raw := w.seal(0, letter(jo, "", text), ann)
	token, _, err := record.FindToken(raw)
	w.must(err)
	ref := w.arrive(letter("x@elsewhere.example", "", text))
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		errs := []error{sp.Put(acceptedKey(token.RecordID(), ann, ""), []byte(`{}`))}
		for i := range old {
			errs = append(errs, sp.Put(binary.BigEndian.AppendUint64([]byte(prefixAge), uint64(i)), nil))
		}
		batch := ref.Append(batchPrefix(consensus.Series{Recorder: token.Recorder}, token.Seq))
		errs = append(errs, sp.Put(messageKey(ref), oldFinding(token)), sp.Put(batch, nil))
		return errors.Join(append(errs, tx.SetLabels(ref.Account, ref.Message, []string{"verdict/pending"}, []string{"verdict/unrecorded"}))...)
	}))
	w.follow()
	if n := len(w.keys(prefixAge)); n != 0 {
		t.Errorf("%d keys of the index by age are left", n)
	}
	w.expect(w.arrive(raw), "accepted by an earlier version", record.Replayed, "spam")
	w.include(0)
	w.expect(ref, "stored by an earlier version, in a block", record.Verified, "inbox")
	w.remove(ref)
	if n := len(w.keys(prefixMessage)); n != 1 {
		t.Errorf("%d findings are left, want the replay's", n)
	}
}

// oldFinding is a finding as version 0.1 wrote it.
func oldFinding(token *record.Token) []byte {
	const text = `{"verdict":"pending","reasons":["not in a block yet, then it will be verified"],"facts":{"Comparison":{"Parts":[` +
		`{"Type":1,"Index":0,"Outcome":"same","Kind":"","Detail":""},{"Type":3,"Index":0,"Outcome":"same","Kind":"","Detail":""}],` +
		`"Same":2,"Recorded":2,"Extra":0,"RecipientInRecord":true},"TokenPresent":true,"TokenValid":true,"TokenFault":"","Inclusion":"none",` +
		`"Recorder":"Org 1","FromDomainIsOrg":true,"OrgTrusted":true,"OrgPinned":true,"RecipientInRecord":true,"Replayed":false,` +
		`"DeclaresAll":false,"Threshold":75},"from":"jo@org1.example","domains":["org1.example"],"trusted_by":"trust",` +
		`"record":"RECORD","recorder":"RECORDER","seq":1,"micro":0,"root":ROOT,"time":1767225600000,"org":"ORG","deadline":101,"arrived":1767225600000}`
	root := token.MicroRoot()
	return []byte(strings.NewReplacer(
		"RECORDER", token.Recorder.String(), "RECORD", token.RecordID().String(),
		"ROOT", `{"Root":"`+root.Root.String()+`","Count":1}`,
		"ORG", chaintest.New(2).Orgs[0].Event.ID().String(),
	).Replace(text))
}
