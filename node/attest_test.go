package node

import (
	"crypto/ed25519"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
	"cairn/mailstore"
	"cairn/node/api"
)

func TestMayAttest(t *testing.T) {
	claims := func(dns, pinned string) *api.Application {
		return &api.Application{ID: "id", Name: "Beta", Fingerprint: "some words", Claims: []api.DomainClaim{{Domain: "beta.test", DNS: dns, PinnedTo: pinned}}}
	}
	for _, tt := range []struct {
		what  string
		v     *api.Application
		given int
		yes   bool
		says  string // empty: it may
	}{
		{"named by the DNS", claims("names", ""), 15, false, ""},
		{"not named", claims("names-not", ""), 0, false, "does not name the key"},
		{"no answer", claims("no-answer", ""), 0, false, "does not name the key"},
		{"not named, but meant", claims("names-not", ""), 0, true, ""},
		{"pinned to another", claims("names", "other words"), 0, true, "trusts another organisation"},
		{"too many", claims("names", ""), 16, false, "16 times within a day"},
		{"too many, but meant", claims("names", ""), 99, true, ""},
	} {
		err := mayAttest(tt.v, tt.given, tt.yes)
		if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || api.AsError(err).Code != api.CodeNotAllowed) {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}

// A node's word counts for a day against how often it may be given, also after a restart, and
// however many ask for it at one time.
func TestAttestedLately(t *testing.T) {
	n := storeOnly(t)
	now := time.Now()
	free := func(int) error { return nil }
	for _, at := range []time.Duration{-25 * time.Hour, -23 * time.Hour, 0} {
		if err := n.noteAttested(t.Context(), now.Add(at), free); err != nil {
			t.Fatal(err)
		}
	}
	var given []time.Time
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		given, err = attestedLately(rd, now)
		return err
	})
	if err != nil || len(given) != 2 {
		t.Errorf("%v, %v", given, err)
	}
	var done atomic.Int32
	var all sync.WaitGroup
	for range 3 * attestMost {
		all.Go(func() {
			err := n.noteAttested(t.Context(), now, func(given int) error { return mayAttest(&api.Application{}, given, false) })
			if err == nil {
				done.Add(1)
			} else if api.AsError(err).Code != api.CodeNotAllowed {
				t.Error(err)
			}
		})
	}
	if all.Wait(); done.Load() != attestMost-2 {
		t.Errorf("the word was given %d times more", done.Load())
	}
}

// Words that were given while the clock was ahead are of no day once it is set right, also before
// that one comes. Of those who ask at one time, the clock of one is ahead of that of the next.
func TestAttestedWhileTheClockWasAhead(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		what  string
		ahead time.Duration
		given int
	}{
		{"a year", 365 * 24 * time.Hour, 0},
		{"an hour", time.Hour, 0},
		{"a moment", time.Second, attestMost},
	} {
		n := storeOnly(t)
		for range attestMost {
			if err := n.noteAttested(t.Context(), now.Add(tt.ahead), func(int) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		given := -1
		if err := n.noteAttested(t.Context(), now, func(lately int) error { given = lately; return nil }); err != nil || given != tt.given {
			t.Errorf("%s ahead: %d count, want %d: %v", tt.what, given, tt.given, err)
		}
	}
}

// The word of members for an event that the mempool has no room for is not lost.
func TestAttestedIsBroughtAgain(t *testing.T) {
	n, keys := alone(t)
	st, s := mustStand(t, n), n.chain.State()
	u := st.Profile()
	u.Name = "Beta"
	e := must(st.Update(t.Context(), keys, u, nil)) // lacks nobody's word, as if all had given it
	if err := n.applications.add(s, e, n.now()); err != nil {
		t.Fatal(err)
	}
	small := mempool.DefaultPolicy()
	small.MaxEvents = 0
	n.pool = mempool.New(small, n.trust.Conflict)
	if err := n.bringAttested(s); err == nil || len(n.applications.all(s)) != 1 {
		t.Fatalf("%v, %d left", err, len(n.applications.all(s)))
	}
	n.pool = mempool.New(mempool.DefaultPolicy(), n.trust.Conflict)
	for range 2 {
		if err := n.bringAttested(s); err != nil || len(n.applications.all(s)) != 0 || len(n.pool.Events()) != 1 {
			t.Fatalf("%v, %d left, %d in the mempool", err, len(n.applications.all(s)), len(n.pool.Events()))
		}
	}
}

// A member gives its word from the block on that has its next recorder key, though that signs no
// mail yet; not with one that the chain has no more.
func TestAttestingKey(t *testing.T) {
	w := newChanging(t)
	gives := func(what string, want ed25519.PrivateKey) {
		t.Helper()
		key, err := w.attestingKey(w.chain.State())
		if want == nil && (err == nil || api.AsError(err).Code != api.CodeNotAllowed) || want != nil && (err != nil || !key.Equal(want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.blocks(consensus.EpochGap)
	next := w.keepNext()
	gives("before the block", w.id.Recorder)
	w.block(w.rekeyed(next))
	gives("from the block on", next)
	w.blocks(consensus.EpochGap)
	w.block(w.rekeyed(chaintest.Key("recorder key elsewhere", 1)))
	gives("once the chain has none that is here", nil)
}
