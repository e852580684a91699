package verifier

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// TestHandedOn: the account has to know the address that the author wrote to,
// and its forwarder has to be whose node recorded what it sent on.
func TestHandedOn(t *testing.T) {
	w := newWorld(t, setting{orgs: 4, pins: []int{0, 1}})
	domain := func(i int) string { return w.net.Orgs[i].Domain }
	list := "devs@" + domain(1)
	byList := record.Forwarder{Domain: domain(1), Posting: list, List: true}
	unpinned := record.Forwarder{Domain: domain(2), Posting: list, List: true}
	known := []record.Forwarder{{Domain: domain(1), Posting: "other@" + domain(1)}, unpinned, byList}

	author := w.seal(0, letter("jo@"+domain(0), "", text), list)
	marked := append([]byte("List-Id: <devs>\r\n"), author...)
	direct := w.seal(0, letter("jo@"+domain(0), "", text), ann)
	for _, tt := range []struct {
		name  string
		raw   []byte
		known []record.Forwarder
		want  []record.Forwarder
	}{
		{"sent on by the list's node", w.seal(1, marked, ann), known, []record.Forwarder{byList}},
		{"to who does not know the list", w.seal(1, marked, ben), nil, nil},
		{"sent on by a node that is not trusted for any domain", w.seal(2, marked, ann), known, nil},
		{"sent on by the author's own node", w.seal(0, marked, ann), known, nil},
		{"direct", direct, known, nil},
		{"what was never sent to the list", w.seal(1, direct, ann), known, nil},
		{"author's record put below another one", slices.Concat(direct, author), known, nil},
	} {
		tokens, err := record.Tokens(tt.raw)
		w.must(err)
		var got handed
		var ok bool
		if hops, err := record.Custody(tokens); err == nil {
			got, ok = handedBy(w.chain.State(), w.trust.asker(context.Background(), w.chain.State()), hops, tt.known)
		}
		if ok != (tt.want != nil) || !slices.Equal(got.by, tt.want) {
			t.Errorf("%s: %v by %v", tt.name, ok, got.by)
		}
		if ok && !got.original.Token.HasRecipient(list) {
			t.Errorf("%s: the original is for %s", tt.name, got.original.Token.RecordID())
		}
	}
}

// The DNS answers when it likes; a transaction, which keeps old data alive, does not wait for it.
func TestSentOnAsksOutsideTransactions(t *testing.T) {
	const list = "devs@org2.example"
	known := func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org2.example", Posting: list, List: true}}, nil
	}
	orgs := chaintest.New(2).Orgs
	asked := make(map[string]bool)
	w := newWorld(t, setting{orgs: 2, cfg: Config{Forwarders: known}, dns: func(_ context.Context, name string) ([]string, error) {
		var callers [64]uintptr
		for frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers[:])]); ; {
			frame, more := frames.Next()
			if strings.Contains(frame.Function, "mailstore.(*Store)") {
				t.Errorf("%s was asked for within %s", name, frame.Function)
			}
			if !more {
				break
			}
		}
		asked[name] = true
		i := slices.IndexFunc(orgs, func(o chaintest.Org) bool { return "_cairn."+o.Domain == name })
		return []string{FormatTXT(consensus.PublicKey(orgs[i].Key))}, nil
	}})
	mail := w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	raw := w.seal(1, append([]byte("List-Id: <devs.org2.example>\r\n"), mail...), ann, ben)
	for _, d := range w.deliver(raw, nil, ann, ben) {
		if by := w.finding(d.Ref).Facts.Forwarder; by != "org2.example" {
			t.Errorf("sent on by %q", by)
		}
	}
	if len(asked) != len(orgs) {
		t.Errorf("asked for %v", asked)
	}
}

// A list that is known may tell a reader by what address it has him, and nobody else's.
func TestFooterNamesTheReader(t *testing.T) {
	const list = "devs@org3.example"
	known := func(*mailstore.Reader, mailstore.AccountID) ([]record.Forwarder, error) {
		return []record.Forwarder{{Domain: "org3.example", Posting: list, List: true}}, nil
	}
	w := newWorld(t, setting{orgs: 3, pins: []int{0, 2}, cfg: Config{Forwarders: known}})
	mail := w.seal(0, replace(letter(jo, "", text), "To: "+ann, "To: "+list), list)
	for _, tt := range []struct {
		to   []string
		fine bool
	}{{[]string{ann, ben}, false}, {[]string{ben}, false}, {[]string{ann}, true}} {
		raw := w.seal(2, append(slices.Clip(mail), "-- \r\nYou get this as "+ann+"\r\n"...), tt.to...)
		as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: tt.to, Received: w.now})
		w.must(err)
		for i, d := range w.put(as, raw, tt.to[:1]) {
			if got := w.finding(d.Ref).Facts.Comparison.Forwarded(); got != tt.fine {
				t.Errorf("to %v: a mark for %s: %v", tt.to, tt.to[i], got)
			}
		}
	}
}
