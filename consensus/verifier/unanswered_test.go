package verifier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Mail that arrives while the DNS does not answer is judged by what it says once it does.
func TestSilentDNSIsAskedAgain(t *testing.T) {
	gone := &net.DNSError{IsNotFound: true}
	for _, c := range []struct {
		name     string
		answer   error // in the end; nil: the DNS names the author's organisation
		recorder int
		verdict  record.Verdict
		box      string
	}{
		{"it names the recorder", nil, 0, record.Verified, "inbox"},
		{"it names nobody", gone, 0, record.Vouched, "inbox"},
		{"it names another, who records all", nil, 2, record.Missing, "spam"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, failure := consensus.Key{}, errors.New("no answer")
			w := newWorld(t, setting{orgs: 3, dns: func(_ context.Context, name string) ([]string, error) {
				if name == "_cairn.org1.example" {
					return []string{FormatTXT(key)}, failure
				}
				return nil, gone
			}})
			key = w.net.Orgs[0].Event.Enrol().OrgKey
			ctx := context.Background()
			ref := w.arrive(w.seal(c.recorder, letter(jo, "", text), ann))
			w.include(c.recorder)
			w.expect(ref, "no answer", record.Vouched, "inbox")
			again := func() {
				t.Helper()
				w.trust.dns.forget("org1.example")
				if next, err := w.v.askAgain(ctx, nil, w.now); err != nil || next != nil {
					t.Fatalf("asked again: %q, %v", next, err)
				}
			}
			again()
			w.expect(ref, "still no answer", record.Vouched, "inbox")
			if keys := w.keys(prefixAsk); len(keys) != 1 || string(keys[0]) != "ask/org1.example" {
				t.Errorf("to be asked: %q", keys)
			}
			failure = c.answer
			w.restart()
			again()
			w.expect(ref, "answered", c.verdict, c.box)
			if keys := w.keys(prefixAsk); len(keys) != 0 || w.finding(ref).Unanswered {
				t.Errorf("still to be asked: %q", keys)
			}
		})
	}
}

// However many domains are silent, a bounded number is asked at a time, and all in turn.
func TestSilentDomainsAreAskedInTurn(t *testing.T) {
	asked := make(map[string]int)
	w := newWorld(t, setting{dns: func(_ context.Context, name string) ([]string, error) {
		asked[name]++
		return nil, errors.New("no answer")
	}})
	const domains = 2*askStep + 3
	w.must(w.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		for i := range domains {
			if err := tx.Space(space).Put(askKey(fmt.Sprintf("%03d.example", i)), nil); err != nil {
				return err
			}
		}
		return nil
	}))
	var from []byte
	for round := range 3 {
		before := len(asked)
		next, err := w.v.askAgain(context.Background(), from, w.now)
		w.must(err)
		if n := len(asked) - before; n != min(askStep, domains-before) || (next == nil) != (round == 2) {
			t.Errorf("round %d: %d domains asked, next %q", round, n, next)
		}
		from = next
	}
	if len(asked) != domains {
		t.Errorf("%d domains asked", len(asked))
	}
}
