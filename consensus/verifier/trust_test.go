package verifier

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
)

var txtKey = consensus.Key{1, 2, 3, 250}

func TestParseTXT(t *testing.T) {
	k := base64.StdEncoding.EncodeToString(txtKey[:])
	for _, c := range []struct {
		txt string
		ok  bool
	}{
		{FormatTXT(txtKey), true},
		{"v=cairn1;k=" + k, true},
		{" v = cairn1 ; k = " + k + " ; ", true},
		{"v=cairn1; note=hi; k=" + k + ";", true},
		{"", false},
		{"v=cairn1", false},
		{"v=cairn1; k=", false},
		{"v=cairn2; k=" + k, false},
		{"k=" + k + "; v=cairn1", false},
		{"v=spf1 include:example.org", false},
		{"v=cairn1; k=" + k + "; k=" + k, false},
		{"v=cairn1; k=" + k[:40], false},
		{"v=cairn1; k=" + k + "AAAA", false},
		{"v=cairn1; k=" + strings.TrimRight(k, "="), false},
		{"v=cairn1; K=" + k, false},
	} {
		if got, ok := ParseTXT(c.txt); ok != c.ok || ok && got != txtKey || !ok && got != (consensus.Key{}) {
			t.Errorf("%q: %v, %v", c.txt, got, ok)
		}
	}
}

func FuzzParseTXT(f *testing.F) {
	f.Add(FormatTXT(txtKey))
	f.Add("v=cairn1; k=AAAA; k=;")
	f.Fuzz(func(t *testing.T, txt string) {
		key, ok := ParseTXT(txt)
		if !ok {
			if key != (consensus.Key{}) {
				t.Fatal("a key without ok")
			}
			return
		}
		if again, ok := ParseTXT(FormatTXT(key)); !ok || again != key {
			t.Fatalf("%v came back as %v, %v", key, again, ok)
		}
		if !strings.HasPrefix(strings.Trim(txt, tagSpace), "v") {
			t.Fatalf("%q does not begin with its version", txt)
		}
	})
}

// resolver is a DNS of one name that counts questions.
type resolver struct {
	records []string
	err     error
	asked   int
}

func (r *resolver) lookup(ctx context.Context, name string) ([]string, error) {
	r.asked++
	if name != "_cairn.a.example" {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return r.records, errors.Join(r.err, ctx.Err())
}

func TestDNSCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{records: []string{"v=spf1 -all", FormatTXT(consensus.Key{9}), FormatTXT(txtKey)}}
		d := newDNSTrust(r.lookup)
		ask := func(when, domain string, want Answer, asked int) {
			t.Helper()
			if got := d.says(context.Background(), domain, only(txtKey)); got != want || r.asked != asked {
				t.Errorf("%s: %v after %d questions, want %v after %d", when, got, r.asked, want, asked)
			}
			if got := d.remembers(domain, only(txtKey), time.Now()); got != want {
				t.Errorf("%s: remembered as %v, want %v", when, got, want)
			}
		}
		wait := func(d time.Duration) { <-time.After(d) }
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if got := d.says(gone, "a.example", only(txtKey)); got != NoAnswer {
			t.Errorf("somebody who had gone was told %v", got)
		}
		ask("the answer of one who went away is not kept", "a.example", Names, 2)
		ask("kept", "a.example", Names, 2)
		if got := d.says(context.Background(), "a.example", only(consensus.Key{8})); got != NamesNot {
			t.Errorf("another key: %v", got)
		}
		wait(dnsFound)
		if got := d.remembers("a.example", only(txtKey), time.Now()); got != NoAnswer {
			t.Errorf("too old to be remembered: %v", got)
		}
		r.err = errors.New("server failure") // what came along with it is no answer
		ask("failed", "a.example", NoAnswer, 3)
		r.err = nil
		ask("failures are kept for a moment", "a.example", NoAnswer, 3)
		d.forget("a.example")
		ask("asked at once", "a.example", Names, 4)
		wait(dnsFound)
		r.err = errors.New("server failure")
		ask("failed again", "a.example", NoAnswer, 5)
		r.err = nil
		wait(dnsFailed)
		ask("failures are not kept for long", "a.example", Names, 6)
		ask("no such name", "b.example", NamesNot, 7)
		wait(dnsFailed)
		ask("kept longer", "b.example", NamesNot, 7)
		wait(dnsMissing)
		ask("asked again", "b.example", NamesNot, 8)
	})
}

func TestPins(t *testing.T) {
	w := newWorld(t, setting{})
	ctx := context.Background()
	a, b := Pin{Domain: "a.example", Key: txtKey, Source: SourceInvite}, Pin{Domain: "a.example", Key: consensus.Key{7}, Source: SourceTrust}
	w.must(w.trust.Pin(ctx, a, false))
	w.must(w.trust.Pin(ctx, a, false))
	if err := w.trust.Pin(ctx, b, false); !errors.Is(err, ErrPinned) {
		t.Errorf("pinning to another key: %v", err)
	}
	if err := w.trust.Conflict(w.chain.State(), "a.example", b.Key); !errors.Is(err, ErrPinned) {
		t.Errorf("conflict: %v", err)
	}
	w.must(w.trust.Conflict(w.chain.State(), "b.example", b.Key))
	w.must(w.trust.Pin(ctx, b, true))
	reopened, err := OpenTrust(w.store, nil)
	w.must(err)
	for _, trust := range []*Trust{w.trust, reopened} {
		if how, a := trust.trusted(ctx, "a.example", only(b.Key)); how != "trust" || a != Names {
			t.Errorf("trusted: %q, %v", how, a)
		}
		if _, old := trust.trusted(ctx, "a.example", only(a.Key)); old != NamesNot {
			t.Errorf("the old key: %v", old)
		}
		if pins := trust.Pins(); len(pins) != 1 || pins[0] != b {
			t.Errorf("pins %v", pins)
		}
	}
}

// A pin that was taken back stays so, also if the node started with it and starts
// again.
func TestUnpin(t *testing.T) {
	w := newWorld(t, setting{})
	ctx := context.Background()
	start := Pin{Domain: "a.example", Key: txtKey, Source: SourceGenesis, Since: w.now}
	w.must(w.trust.PinAtStart(ctx, start))
	if _, err := w.trust.Unpin(ctx, "b.example", w.now); !errors.Is(err, ErrNotPinned) {
		t.Errorf("a domain that is not pinned: %v", err)
	}
	if p, err := w.trust.Unpin(ctx, "a.example", w.now); err != nil || p != start {
		t.Fatalf("taken back: %v, %v", p, err)
	}
	if _, err := w.trust.Unpin(ctx, "a.example", w.now); !errors.Is(err, ErrNotPinned) {
		t.Errorf("taken back twice: %v", err)
	}
	reopened, err := OpenTrust(w.store, nil)
	w.must(err)
	for _, trust := range []*Trust{w.trust, reopened} {
		w.must(trust.PinAtStart(ctx, start))
		if pins := trust.Pins(); len(pins) != 0 || trust.hasPinned(only(txtKey)) {
			t.Errorf("pins %v", pins)
		}
		if _, a := trust.trusted(ctx, "a.example", only(txtKey)); a == Names {
			t.Error("still trusted")
		}
		w.must(trust.Conflict(w.chain.State(), "a.example", consensus.Key{7}))
	}
	again := Pin{Domain: "a.example", Key: consensus.Key{7}, Source: SourceTrust, Since: w.now}
	w.must(w.trust.Pin(ctx, again, false))
	w.must(w.trust.PinAtStart(ctx, start))
	if pins := w.trust.Pins(); len(pins) != 1 || pins[0] != again {
		t.Errorf("pinned anew: %v", pins)
	}
}

// What is known when a pin is taken back: the verdicts of stored mail follow what
// is left, the word of the DNS or nobody's.
func TestRetrustAfterUnpin(t *testing.T) {
	silent := errors.New("no answer")
	for _, c := range []struct {
		name    string
		left    error // nil: the DNS names the key
		verdict record.Verdict
		by      string
	}{
		{"the DNS names it", nil, record.Verified, "dns"},
		{"the DNS names nobody", &net.DNSError{IsNotFound: true}, record.Vouched, ""},
		{"the DNS does not answer", silent, record.Vouched, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := consensus.Key{}
			w := newWorld(t, setting{pins: []int{0}, dns: func(context.Context, string) ([]string, error) {
				return []string{FormatTXT(key)}, c.left
			}})
			key = w.net.Orgs[0].Event.Enrol().OrgKey
			ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
			w.include(0)
			w.expect(ref, "pinned", record.Verified, "inbox")
			_, err := w.trust.Unpin(context.Background(), "org1.example", w.now)
			w.must(err)
			w.must(w.v.Retrust(context.Background(), "org1.example"))
			w.expect(ref, "taken back", c.verdict, "inbox")
			if by := w.finding(ref).TrustedBy; by != c.by {
				t.Errorf("trusted by %q, want %q", by, c.by)
			}
		})
	}
}

// A DNS that does not answer takes no trust away that it gave before.
func TestRetrustWithSilentDNS(t *testing.T) {
	key, failure := consensus.Key{}, error(nil)
	w := newWorld(t, setting{orgs: 3, dns: func(_ context.Context, name string) ([]string, error) {
		if name == "_cairn.org1.example" {
			return []string{FormatTXT(key)}, failure
		}
		return nil, &net.DNSError{IsNotFound: true}
	}})
	key = w.net.Orgs[0].Event.Enrol().OrgKey
	ctx := context.Background()
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.include(0)
	w.expect(ref, "named", record.Verified, "inbox")
	for _, c := range []struct {
		when    string
		failure error
		verdict record.Verdict
	}{
		{"silent", errors.New("no answer"), record.Verified},
		{"gone", &net.DNSError{IsNotFound: true}, record.Vouched},
		{"silent when it was gone before", errors.New("no answer"), record.Vouched},
	} {
		failure = c.failure
		w.trust.dns.forget("org1.example")
		w.must(w.v.Retrust(ctx, "org1.example"))
		w.expect(ref, c.when, c.verdict, "inbox")
		org, a := w.trust.Speaker(ctx, w.chain.State(), "org1.example")
		member, _ := w.chain.State().OrgByKey(key)
		if want := w.trust.DNS(ctx, w.chain.State(), "org1.example", member); org != nil || a != want {
			t.Errorf("%s: the speaker is %v, %v, the DNS says %v", c.when, org, a, want)
		}
	}
	failure = nil
	if _, a := w.trust.Speaker(ctx, w.chain.State(), "org1.example"); a != NoAnswer {
		t.Errorf("kept for a moment: %v", a)
	}
	if org, a := w.trust.SpeakerNow(ctx, w.chain.State(), "org1.example"); a != Names || org.Key != key {
		t.Errorf("asked now: %v, %v", org, a)
	}
}

// only is the set of one key.
func only(key consensus.Key) keySet { return func(k consensus.Key) bool { return k == key } }

// A node that ends between a decision and the look at the mail that it concerns
// looks at it when it starts again.
func TestRetrustIsCaughtUpWith(t *testing.T) {
	w := newWorld(t, setting{pins: []int{0}})
	w.must(w.v.Retrust(context.Background(), "org1.example"))
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	w.include(0)
	_, err := w.trust.Unpin(context.Background(), "org1.example", w.now)
	w.must(err)
	w.expect(ref, "not looked at yet", record.Verified, "inbox")
	w.trust, err = OpenTrust(w.store, nil)
	w.must(err)
	w.restart()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.v.Run(ctx) }()
	for len(w.trust.unsettled()) > 0 {
		runtime.Gosched()
	}
	cancel()
	w.must(<-done)
	w.expect(ref, "looked at after the start", record.Vouched, "inbox")
}

// Pins are asked for within transactions, while others are written.
func TestPinDuringUpdate(t *testing.T) {
	w := newWorld(t, setting{})
	done := make(chan error, 1)
	w.must(w.store.Update(context.Background(), func(*mailstore.Tx) error {
		started := make(chan struct{})
		go func() {
			close(started)
			done <- w.trust.Pin(context.Background(), Pin{Domain: "a.example", Key: txtKey}, false)
		}()
		<-started
		for range 10_000 {
			w.trust.pinned("a.example", only(txtKey))
			runtime.Gosched()
		}
		return nil
	}))
	w.must(<-done)
}

// Trust by DNS, and a pin that outranks it.
func TestTrustByDNS(t *testing.T) {
	key := consensus.Key{}
	w := newWorld(t, setting{orgs: 3, dns: func(_ context.Context, name string) ([]string, error) {
		if name == "_cairn.org1.example" {
			return []string{FormatTXT(key)}, nil
		}
		return nil, &net.DNSError{IsNotFound: true}
	}})
	key = w.net.Orgs[0].Event.Enrol().OrgKey
	ref := w.arrive(w.seal(0, letter(jo, "", text), ann))
	other := w.arrive(w.seal(0, letter("al@org3.example", "", text), ann))
	w.include(0)
	w.expect(ref, "by DNS", record.Verified, "inbox")
	if by := w.finding(ref).TrustedBy; by != "dns" {
		t.Errorf("trusted by %q", by)
	}
	w.pin(2)
	w.must(w.v.Retrust(context.Background(), "org3.example"))
	w.expect(ref, "another domain was pinned", record.Verified, "inbox")
	w.expect(other, "recorded by one that is not pinned", record.Missing, "spam")

	p := Pin{Domain: "org1.example", Key: txtKey, Source: SourceTrust}
	w.must(w.trust.Pin(context.Background(), p, true))
	w.must(w.v.Retrust(context.Background(), "org1.example"))
	w.expect(ref, "pinned to another key", record.Vouched, "inbox")
	w.pin(0)
	w.must(w.v.Retrust(context.Background(), "org1.example"))
	w.expect(ref, "pinned to its own", record.Verified, "inbox")
}

// Trust that comes while a mail is being delivered counts for it, and Retrust
// reaches every message.
func TestRetrust(t *testing.T) {
	w := newWorld(t, setting{})
	var refs []mailstore.Ref
	for range reviseStep + 2 {
		refs = append(refs, w.arrive(w.seal(0, letter(jo, "", text), ann))) // in one batch of 64 at most
		if len(w.micros[0]) == consensus.MaxMicros {
			w.include(0)
		}
	}
	raw := w.seal(0, letter(jo, "", text), ann)
	as, err := w.v.Check(context.Background(), Arrival{Raw: raw, Recipients: []string{ann}})
	w.must(err)
	w.include(0)
	w.pin(0)
	w.must(w.v.Retrust(context.Background(), "org1.example"))
	refs = append(refs, w.put(as, raw, []string{ann})[0].Ref)
	for _, ref := range refs {
		w.expect(ref, "after trust came", record.Verified, "inbox")
	}
}

// While Retrust asks the DNS the chain is followed; what a block says meanwhile of who records
// whose mail is not overwritten with an answer from before it.
func TestRetrustWhileTheChainGrows(t *testing.T) {
	var asked func()
	w := newWorld(t, setting{orgs: 3, late: true, pins: []int{1}, dns: func(context.Context, string) ([]string, error) {
		if f := asked; f != nil {
			asked = nil
			f()
		}
		return nil, &net.DNSError{IsNotFound: true}
	}})
	ref := w.arrive(w.seal(0, letter("jo@org1.example, al@org2.example", "", text), ann))
	w.include(0)
	w.expect(ref, "before", record.Vouched, "inbox")
	for _, domain := range []string{"org1.example", "org2.example"} {
		w.trust.dns.forget(domain)
	}
	grown := false
	asked = func() {
		if !w.v.following.TryLock() {
			t.Fatal("the chain is not followed while the DNS is asked")
		}
		w.v.following.Unlock()
		w.mine(chaintest.Body{Events: w.net.Enrolments()})
		w.expect(ref, "enrolled", record.Missing, "spam")
		grown = true
	}
	w.must(w.v.Retrust(context.Background(), "org1.example"))
	w.expect(ref, "looked at again", record.Missing, "spam")
	if !grown {
		t.Error("the DNS was not asked")
	}
}
