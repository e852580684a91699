package smtpgw

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// saying is a source that says one thing, or fails.
type saying struct {
	says screen.Result
	fail error
}

func (s saying) Gather(context.Context, *arrival.Arrival) ([]screen.Result, error) {
	return []screen.Result{s.says}, s.fail
}

func deliver(t *testing.T, d *Delivery, rcpts ...string) error {
	t.Helper()
	a := &arrival.Arrival{Raw: []byte(mailText("x")), From: "s@peer.example", Recipients: rcpts, Peer: trace.Peer{Protocol: "ESMTP", Helo: "peer.example"}}
	return d.Deliver(t.Context(), a, "ref")
}

// What sources say counts for the decision, stands in the header, and is there
// when the verdict changes.
func TestEvidenceOfSources(t *testing.T) {
	st := localStore(t)
	filing := NewFiling(screen.Policy{})
	missing := screen.Finding{Verdict: record.Missing, Domains: []string{"peer.example"}}
	dkim := screen.Result{Method: "dkim", Result: screen.Pass, About: "peer.example", Property: "header.d"}
	d := NewDelivery(testConfig, st, &deliverytest.Verifier{Found: missing}, filing, arrival.Sources{Arrival: []arrival.Source{saying{says: dkim}}})
	if err := deliver(t, d, "user@local.example"); err != nil {
		t.Fatal(err)
	}
	got := inboxOf(t, st, "user@local.example", mailstore.LabelInbox)
	if len(got) != 1 || !strings.Contains(got[0], ";\r\n\tdkim=pass header.d=peer.example\r\n") {
		t.Fatalf("in the inbox: %q", got)
	}
	refile := func(was, now screen.Finding) {
		t.Helper()
		if err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			return filing.Refile(tx, mailstore.Ref{Account: 2, Message: 1}, was, now)
		}); err != nil {
			t.Fatal(err)
		}
	}
	labels := func() (l []string) {
		t.Helper()
		if err := st.View(func(rd *mailstore.Reader) (err error) {
			l, err = rd.Labels(2, 1)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	unknown := screen.Finding{Verdict: record.Invalid}
	refile(missing, unknown)
	if l := labels(); !slices.Equal(l, []string{"spam", "unread", "verdict/invalid"}) {
		t.Errorf("invalid: %q", l)
	}
	refile(unknown, missing)
	if l := labels(); !slices.Equal(l, []string{"inbox", "unread", "verdict/missing"}) {
		t.Errorf("missing again, still signed: %q", l)
	}
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return filing.Forget(tx, mailstore.Ref{Account: 2, Message: 1}) }); err != nil {
		t.Fatal(err)
	}
	refile(unknown, missing)
	if err := st.View(func(rd *mailstore.Reader) error {
		e, err := kept(rd, mailstore.Ref{Account: 2, Message: 1})
		if len(e) > 0 {
			t.Errorf("kept %v of what was to be forgotten", e)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// A source that fails is our own trouble, for now.
func TestSourceFails(t *testing.T) {
	st := localStore(t)
	d := NewDelivery(testConfig, st, &deliverytest.Verifier{}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{saying{fail: errors.New("no answer")}}})
	s := NewInbound(testConfig, st, d, discard())
	c := greeted(t, gatewaytest.Serve(t, s))
	c.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
	c.expect("^250")
	c.expect("^354")
	c.say(mailText("x")+".\r\n", "^451 4.3.0")
	if got := inboxOf(t, st, "user@local.example", mailstore.LabelUnread); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

// Mail is refused when it is for nobody who would take it.
func TestRefusal(t *testing.T) {
	st := localStore(t)
	bad := screen.Finding{Verdict: record.Invalid, Lasting: true, Reasons: []string{"the path\r\n is wröng " + strings.Repeat("x", 2000)}}
	d := NewDelivery(testConfig, st, &deliverytest.Verifier{Found: bad}, NewFiling(screen.Policy{Invalid: screen.InvalidRefuse}), arrival.Sources{})
	c := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, d, discard())))
	c.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nRCPT TO:<other@local.example>\r\nDATA\r\n", "^250")
	c.expect("^250")
	c.expect("^250")
	c.expect("^354")
	if reply := c.say(mailText("x")+".\r\n", "^550 5.7.1 "); len(reply) > 512 || !strings.Contains(reply, "the path?? is wr?ng") {
		t.Errorf("reply %q", reply)
	}
	if got := inboxOf(t, st, "user@local.example", mailstore.LabelUnread); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

// The history is read from the journal, whenever it is followed.
func TestHistory(t *testing.T) {
	st := localStore(t)
	authors := map[mailstore.MessageID]string{2: "Friend@Peer.example", 3: "spammer@peer.example"}
	h := NewHistory(st, func(_ *mailstore.Reader, _ mailstore.AccountID, id mailstore.MessageID) (string, error) {
		return authors[id], nil
	}, slog.New(slog.DiscardHandler))
	update := func(fn func(tx *mailstore.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	add := func(m mailstore.Message, labels ...string) {
		t.Helper()
		update(func(tx *mailstore.Tx) (err error) {
			if m.Blob, err = tx.PutBlob([]byte("x")); err != nil {
				return err
			}
			m.Account, m.Received = 2, time.Unix(1, 0)
			_, err = tx.AddMessage(m, labels)
			return err
		})
	}
	expect := func(when string, account mailstore.AccountID, address string, want screen.History) {
		t.Helper()
		if err := h.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := st.View(func(rd *mailstore.Reader) error {
			got, err := h.Of(rd, account, address)
			if got != want {
				t.Errorf("%s: %+v with %s, want %+v", when, got, address, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	expect("at first", 2, "bob@far.example", screen.History{})
	add(mailstore.Message{Outgoing: true, Recipients: []string{"Bob@far.example"}}, "sent")
	expect("after a mail to him", 2, "bOB@FAR.example", screen.History{Wrote: true})
	expect("of another account", 3, "bob@far.example", screen.History{})
	add(mailstore.Message{}, "inbox", "unread")
	add(mailstore.Message{}, "spam", "unread")
	expect("not read yet", 2, "friend@peer.example", screen.History{})
	for _, id := range []mailstore.MessageID{2, 3} {
		update(func(tx *mailstore.Tx) error { return tx.SetLabels(2, id, nil, []string{"unread"}) })
	}
	expect("read", 2, "friend@peer.example", screen.History{Kept: true})
	expect("read in spam", 2, "spammer@peer.example", screen.History{})
	update(func(tx *mailstore.Tx) error { return tx.SetLabels(2, 3, []string{"inbox"}, []string{"spam"}) })
	expect("taken out of spam", 2, "spammer@peer.example", screen.History{Kept: true})

	f := screen.Finding{From: "friend@peer.example", RecordedFor: []string{"bob@far.example", "never@far.example"}}
	if err := st.View(func(rd *mailstore.Reader) error {
		got, err := h.About(rd, 2, f, nil)
		if len(got) != 2 || got[0].About != f.From || got[0].Result == screen.Pass || got[1].About != "bob@far.example" || got[1].Result != screen.Pass {
			t.Errorf("evidence %+v", got)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}

	update(func(tx *mailstore.Tx) error { return tx.RemoveAccount(2) })
	if err := h.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := st.View(func(rd *mailstore.Reader) error {
		return rd.Space(historySpace).Scan(historyOf(2), nil, func(key, _ []byte) bool {
			t.Errorf("%q is left of an account that is gone", key)
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
}

// Damage of one mail holds up the history of nobody, and is told once.
func TestHistoryGoesOnBesideDamage(t *testing.T) {
	st := localStore(t)
	damaged := &mailstore.DamagedError{Table: mailstore.TableSpace, Name: "a finding"}
	var log strings.Builder
	h := NewHistory(st, func(_ *mailstore.Reader, _ mailstore.AccountID, id mailstore.MessageID) (string, error) {
		if id == 1 {
			return "", damaged
		}
		return "friend@peer.example", nil
	}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			blob, err := tx.PutBlob([]byte("x"))
			if err != nil {
				return err
			}
			id, err := tx.AddMessage(mailstore.Message{Blob: blob, Account: 2, Received: time.Unix(1, 0)}, []string{mailstore.LabelUnread})
			if err != nil {
				return err
			}
			return tx.SetLabels(2, id, []string{mailstore.LabelInbox}, []string{mailstore.LabelUnread})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := h.Follow(t.Context()); err != nil {
			t.Error(err)
		}
	}
	err := st.View(func(rd *mailstore.Reader) error {
		known, err := h.Of(rd, 2, "friend@peer.example")
		if !known.Kept {
			t.Errorf("%+v is known of the other mail", known)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "message 1 of account 2") {
		t.Errorf("the log says %s", &log)
	}
}

// A damaged cursor has the journal followed from its beginning, which adds nothing twice.
func TestHistoryWithoutCursor(t *testing.T) {
	dir := t.TempDir()
	st := must(mailstore.Open(dir, slog.New(slog.DiscardHandler)))(t)
	update(t, st, func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("user", []string{"user@local.example"})
		if err != nil {
			return err
		}
		blob, err := tx.PutBlob([]byte("x"))
		if err != nil {
			return err
		}
		_, err = tx.AddMessage(mailstore.Message{
			Blob: blob, Account: a.ID, Received: time.Unix(1, 0), Outgoing: true, Recipients: []string{"bob@far.example"},
		}, []string{mailstore.LabelSent})
		return err
	})
	update(t, st, func(tx *mailstore.Tx) error { return tx.Space(historySpace).PutNumber(historyCursor, 1) })
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	db := must(badger.Open(badger.DefaultOptions(dir).WithLogger(nil)))(t)
	err := db.Update(func(txn *badger.Txn) error {
		return txn.Set([]byte("s"+historySpace+"\x00"+string(historyCursor)), []byte("no such cursor"))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	st = must(mailstore.Open(dir, slog.New(slog.DiscardHandler)))(t)
	defer st.Close()
	var log strings.Builder
	h := NewHistory(st, nil, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		if err := h.Follow(t.Context()); err != nil {
			t.Error(err)
		}
	}
	err = st.View(func(rd *mailstore.Reader) error {
		known, err := h.Of(rd, 1, "bob@far.example")
		if !known.Wrote || strings.Count(log.String(), "level=ERROR") != 1 {
			t.Errorf("%+v is known, the log says %s", known, &log)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
