package verifier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/screen"
)

// lose opens the store anew after the finding about a message was damaged and a check has mended
// that.
func (w *world) lose(t *testing.T, ref mailstore.Ref) {
	t.Helper()
	w.spoilt(t, w.about(prefixMessage, ref))
	backUp := func() error {
		return w.store.View(func(rd *mailstore.Reader) error { return rd.Dump(io.Discard) })
	}
	if backUp() == nil {
		t.Fatal("nothing is damaged")
	}
	var faults []mailstore.Fault
	note := func(f mailstore.Fault) { faults = append(faults, f) }
	_, err := w.store.Check(t.Context(), true, note, MapCheck())
	w.must(err)
	if len(faults) != 1 || !faults[0].Mended || !strings.Contains(faults[0].Done, "not known") {
		t.Fatalf("the check says %+v", faults)
	}
	faults = nil
	_, err = w.store.Check(t.Context(), false, note, MapCheck())
	w.must(err)
	if len(faults) > 0 {
		t.Errorf("the next check says %+v", faults)
	}
	if err := backUp(); err != nil {
		t.Errorf("no backup after it: %v", err)
	}
}

// known is all that the verifier keeps, in a form to compare, and the labels of a message.
func (w *world) known(ref mailstore.Ref) string {
	w.Helper()
	var b strings.Builder
	for _, key := range w.keys("") {
		b.Write(key)
		b.WriteByte('\n')
	}
	found := w.finding(ref)
	if !found.Block.IsZero() {
		found.Deadline = 0 // of no account in a block
	}
	f, err := json.MarshalIndent(found, "", " ")
	w.must(err)
	b.Write(f)
	b.WriteString(strings.Join(w.labels(ref), " "))
	return b.String()
}

// TestLostFinding: what was known about a mail is found out anew after its finding was damaged, and
// is what it was; until then it is not known.
func TestLostFinding(t *testing.T) {
	mail := letter(jo, "", text)
	const list = "devs@org2.example"
	sentOn := func(w *world) mailstore.Ref {
		below := w.seal(0, replace(mail, "To: "+ann, "To: "+list), list)
		ref := w.arrive(w.seal(1, append([]byte("List-Id: <devs.org2.example>\r\n"), below...), ann))
		w.include(0)
		return ref
	}
	for _, tt := range []struct {
		name    string
		arrive  func(w *world) mailstore.Ref
		verdict record.Verdict
		until   record.Verdict
		change  func(s *setting)
	}{
		{"in a block", func(w *world) mailstore.Ref {
			ref := w.arrive(w.seal(0, mail, ann))
			w.include(0)
			return ref
		}, record.Verified, record.Unrecorded, nil},
		{"in none", func(w *world) mailstore.Ref { return w.arrive(w.seal(0, mail, ann)) }, record.Pending, record.Unrecorded, nil},
		{"in none in time", func(w *world) mailstore.Ref {
			ref := w.arrive(w.seal(0, mail, ann))
			w.now = late // so that the chain is not behind
			w.mineEmpty(patience + 1)
			return ref
		}, record.Invalid, record.Invalid, nil},
		{"not pinned", func(w *world) mailstore.Ref {
			ref := w.arrive(w.seal(2, letter("al@org3.example", "", text), ann))
			w.include(2)
			return ref
		}, record.Vouched, record.Unrecorded, nil},
		{"changed", func(w *world) mailstore.Ref {
			return w.arrive(bytes.Replace(w.seal(0, mail, ann), []byte("Subject: Figures"), []byte("Subject: Numbers"), 1))
		}, record.Differs, record.Unrecorded, nil},
		{"a second copy", func(w *world) mailstore.Ref {
			raw := w.seal(0, mail, ann)
			w.arrive(raw)
			return w.arrive(raw)
		}, record.Replayed, record.Replayed, nil},
		{"for somebody else", func(w *world) mailstore.Ref { return w.arrive(w.seal(0, mail, ben)) }, record.Replayed, record.Replayed, nil},
		{"without a record", func(w *world) mailstore.Ref { return w.arrive(letter("al@org3.example", "", text)) }, record.Unrecorded, record.Unrecorded, nil},
		{"without one that was to be", func(w *world) mailstore.Ref { return w.arrive(mail) }, record.Missing, record.Missing, nil},
		{"without one that was to be, of a later member", func(w *world) mailstore.Ref {
			w.pin(2)
			return w.arrive(letter("al@org3.example", "", text))
		}, record.Missing, record.Missing, func(s *setting) { s.change = records(consensus.RecordsAll, 0, 2) }},
		{"changed, before the genuine one", func(w *world) mailstore.Ref {
			raw := w.seal(0, mail, ann)
			ref := w.arrive(bytes.Replace(raw, []byte("Subject: Figures"), []byte("Subject: Numbers"), 1))
			w.arrive(raw)
			return ref
		}, record.Differs, record.Unrecorded, nil},
		{"unsound", func(w *world) mailstore.Ref {
			token := *w.token(0, w.draft(mail, ann))
			token.Record.Time++
			return w.arrive(append(token.Header(), mail...))
		}, record.Invalid, record.Invalid, nil},
		{"with our trace on top", func(w *world) mailstore.Ref {
			raw := w.seal(0, mail, ann)
			as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}, Received: w.now})
			w.must(err)
			trace := "Return-Path: <" + jo + ">\r\nAuthentication-Results: mx.org2.example; cairn=neutral (verdict=pending)\r\n" +
				"Received: from mx.org1.example by mx.org2.example (Cairn) with ESMTP id 2;\r\n Thu, 1 Jan 2026 00:00:00 +0000\r\n"
			ref := w.put(as, append([]byte(trace), raw...), []string{ann})[0].Ref
			w.include(0)
			return ref
		}, record.Verified, record.Unrecorded, nil},
		{"sent on by a known list", sentOn, record.Vouched, record.Unrecorded, func(s *setting) {
			s.cfg.Forwarders = func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
				return []record.Forwarder{{Domain: "org2.example", Posting: list, List: true}}, nil
			}
		}},
		{"sent on by a stranger", sentOn, record.Differs, record.Unrecorded, nil},
		{"late", func(w *world) mailstore.Ref {
			ref := w.arrive(w.seal(0, mail, ann))
			w.now = late
			w.mineEmpty(patience + 1)
			return ref
		}, record.Pending, record.Unrecorded, func(s *setting) { s.epochs = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := setting{orgs: 3, pins: []int{0, 1}}
			if tt.change != nil {
				tt.change(&s)
			}
			w := newWorld(t, s)
			w.now = time.UnixMilli(int64(w.chain.State().Time()))
			ref := tt.arrive(w)
			w.follow()
			if f := w.finding(ref); f.Verdict != tt.verdict {
				t.Fatalf("it is %s (%q) at first", f.Verdict, f.Reasons)
			}
			before := w.known(ref)
			w.lose(t, ref)
			f := w.finding(ref)
			if f.Verdict != tt.until || !slices.Contains(f.Reasons, lostReason) || !slices.Contains(w.labels(ref), screen.VerdictLabel(tt.until)) {
				t.Errorf("until then it is %s (%q), labelled %q", f.Verdict, f.Reasons, w.labels(ref))
			}
			w.must(w.v.Follow(t.Context(), w.now))
			if now := w.known(ref); now != before {
				t.Errorf("what is known was\n%s\nand is\n%s", before, now)
			}
			w.lose(t, ref)
			w.chainAnew(t)
			if now := w.known(ref); now != before {
				t.Errorf("what is known was\n%s\nand by a chain that came later is\n%s", before, now)
			}
		})
	}
}

// chainAnew has the node follow a chain that is fetched anew, first as far as its genesis block.
func (w *world) chainAnew(t *testing.T) {
	t.Helper()
	full := w.chain
	var err error
	w.chain, err = chain.OpenStore(chain.InMemory(), w.net.Genesis, quiet)
	w.must(err)
	w.restart()
	w.follow()
	_, applied, err := full.UpdatesSince(chain.Index{}, math.MaxInt)
	w.must(err)
	for _, u := range applied[1:] {
		w.take(u.Block)
	}
}

// TestLostFindingThatNothingTells: where the arrival decided, or the text is damaged too, it stays
// not known how a mail was verified, whatever the chain says later; no bad verdict becomes a better
// one.
func TestLostFindingThatNothingTells(t *testing.T) {
	for _, tt := range []struct {
		name    string
		arrive  func(w *world) mailstore.Ref
		verdict record.Verdict
		box     string
	}{
		{"claims a domain of ours", func(w *world) mailstore.Ref { return w.arrive(letter("eve@org2.example", "", text)) }, record.Missing, "spam"},
		{"of one of our nodes", func(w *world) mailstore.Ref {
			raw := letter(ben, "", text)
			as, err := w.v.Check(context.Background(), Arrival{
				Raw: raw, Recipients: []string{ann}, Courier: w.courier(1), Received: w.now, Local: true, Unrecorded: "it waited",
			})
			w.must(err)
			return w.put(as, raw, []string{ann})[0].Ref
		}, record.Unrecorded, "inbox"},
		{"old, brought by its organisation", func(w *world) mailstore.Ref {
			raw := w.seal(0, letter(jo, "", text), ann)
			w.include(0)
			w.now = w.now.Add(record.MaxAge + time.Hour)
			return w.deliver(raw, w.courier(0), ann)[0].Ref
		}, record.Unrecorded, "inbox"},
		{"old, and by now the clock is wrong", func(w *world) mailstore.Ref {
			raw := w.seal(0, letter(jo, "", text), ann)
			w.include(0)
			w.now = w.now.Add(record.MaxAge + time.Hour)
			ref := w.deliver(raw, w.courier(0), ann)[0].Ref
			w.clockWrong = true
			return ref
		}, record.Unrecorded, "inbox"},
		{"first brought nobody knows when", func(w *world) mailstore.Ref {
			ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
			w.include(0)
			w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
				return tx.Space(space).PutJSON(w.keys(prefixAccepted)[0], acceptance{})
			}))
			return ref
		}, record.Unrecorded, "inbox"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own := Own{Domains: []string{"org2.example"}}
			w := newWorld(t, setting{orgs: 3, pins: []int{0}, cfg: Config{Own: own}})
			ref := tt.arrive(w)
			w.lose(t, ref)
			for range 2 {
				w.expect(ref, "not known", tt.verdict, tt.box)
				if f := w.finding(ref); !f.Lost || !slices.Equal(f.Reasons, []string{lostReason}) {
					t.Errorf("it says %q", f.Reasons)
				}
				w.must(w.v.Follow(t.Context(), w.now))
				w.mine(chaintest.Body{})
			}
			if left := w.keys(prefixDue); len(left) > 0 {
				t.Errorf("still due: %q", left)
			}
			w.remove(ref)
			w.follow()
			if _, err := w.find(ref); err == nil {
				t.Error("it is known after the mail was removed")
			}
		})
	}
}

// blobOf is the hash of a message's text, and that text.
func (w *world) blobOf(ref mailstore.Ref) (blob [32]byte, raw []byte) {
	w.Helper()
	w.must(w.store.View(func(rd *mailstore.Reader) error {
		m, err := rd.Message(ref.Account, ref.Message)
		if err != nil {
			return err
		}
		blob = m.Blob
		raw, err = rd.Raw(blob)
		return err
	}))
	return blob, raw
}

// TestLostFindingWaitsForItsText: a finding that was lost with the text of its mail is found out
// anew once that is put back, and holds nothing else up until then.
func TestLostFindingWaitsForItsText(t *testing.T) {
	w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}})
	refs := []mailstore.Ref{
		w.arrive(w.seal(0, letter(jo, "", text), ann)),
		w.arrive(w.seal(0, letter(jo, "", text+"more"), ann)),
		w.arrive(w.seal(0, letter(jo, "", text+"and more"), ann)),
	}
	w.include(0)
	blob, raw := w.blobOf(refs[0])
	gone, _ := w.blobOf(refs[2])
	for _, ref := range refs {
		w.lose(t, ref)
	}
	w.spoilt(t, blob[:], gone[:])
	for range 2 { // runs
		var told bytes.Buffer
		w.v = New(w.store, w.chain, w.trust, w.cfg, w.filing, slog.New(slog.NewTextHandler(&told, nil)))
		w.follow()
		w.mine(chaintest.Body{})
		if tries := strings.Count(told.String(), "was lost"); tries != 2 {
			t.Errorf("%d tries of 2 findings", tries)
		}
		w.expect(refs[0], "without its text", record.Unrecorded, "inbox")
		w.expect(refs[1], "beside it", record.Verified, "inbox")
		if due := w.keys(prefixDue); len(due) != 2 {
			t.Errorf("due is %q", due)
		}
	}
	w.remove(refs[2])
	if due := w.keys(prefixDue); len(due) != 1 {
		t.Errorf("due is %q after a mail was removed", due)
	}
	w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := tx.PutBlob(raw)
		return err
	}))
	w.restart()
	w.follow()
	w.expect(refs[0], "its text put back", record.Verified, "inbox")
	w.remove(refs[1])
	if now := w.finding(refs[0]); now.Lost || len(w.keys(prefixDue)) > 0 {
		t.Errorf("lost: %v, due: %q", now.Lost, w.keys(prefixDue))
	}
}

// TestLostFindingWaitsForTheDNS: what was lost about mail without a record stays not known while
// the DNS of its domain is silent, and where that says other than what is known by then.
func TestLostFindingWaitsForTheDNS(t *testing.T) {
	for _, names := range []bool{true, false} {
		var key consensus.Key
		failure := errors.New("no answer")
		lookup := func(context.Context, string) ([]string, error) { return []string{FormatTXT(key)}, failure }
		w := newWorld(t, setting{orgs: 3, change: records(consensus.RecordsAll, 0, 0), dns: lookup})
		ref := w.arrive(letter(jo, "", text))
		w.lose(t, ref)
		again := func() {
			var err error
			w.trust, err = OpenTrust(w.store, lookup)
			w.must(err)
			w.restart()
			w.follow()
		}
		again()
		if f := w.finding(ref); !f.Lost || f.Asked || len(w.keys(prefixDue)) != 1 {
			t.Errorf("while it is silent: %+v; due: %q", f, w.keys(prefixDue))
		}
		if failure = nil; names {
			key = w.net.Orgs[0].Event.Enrol().OrgKey
		}
		again()
		w.expect(ref, "it answers", record.Unrecorded, "inbox")
		if f := w.finding(ref); f.Lost != names || len(w.keys(prefixDue)) > 0 {
			t.Errorf("it answers: %+v; due: %q", f, w.keys(prefixDue))
		}
	}
}

// TestLateWhenLost: a record that was watched for a height which has come, or which is further
// ahead than any that is not late, was late: else it would be waited for once more.
func TestLateWhenLost(t *testing.T) {
	w := newWorld(t, setting{orgs: 3})
	const height = 1000
	w.must(w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space(space).PutJSON([]byte(keyCursor), chain.Index{Height: height})
	}))
	for deadline, late := range map[uint64]bool{
		0: false, height - 1: true, height: true, height + 1: false, height + patience: false, height + patience + 1: true,
	} {
		w.must(w.store.View(func(rd *mailstore.Reader) error {
			got, err := wasLate(rd.Space(space), deadline)
			if got != late {
				t.Errorf("watched for %d at %d: late is %v", deadline, height, got)
			}
			return err
		}))
	}
}
