package node

import (
	"errors"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/verifier"
)

// domains makes these the domains of the node's organisation.
func (w *changing) domains(list ...string) {
	w.t.Helper()
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta", Domains: list}
	}))
	if err := errors.Join(w.noteOwn(w.t.Context(), w.chain.State()), w.pinOwn(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
}

// What is ours follows from the chain: a pin of somebody else that was taken back before the domain
// became ours counts for nothing, also after a restart; and a domain that is ours no more is pinned
// to us no more.
func TestOwnPinsFollowTheChain(t *testing.T) {
	w := newChanging(t)
	ctx, alpha := t.Context(), consensus.PublicKey(w.net.Orgs[0].Key)
	own := func(domain string, want bool) {
		t.Helper()
		p, pinned := w.trust.PinOf(domain)
		if is := pinned && p.Source == verifier.SourceOwn && p.Key == w.enrol.Enrol().OrgKey; is != want {
			t.Errorf("%s is pinned as our own: %v, want %v (%+v)", domain, is, want, p)
		}
		if refused := w.trust.Conflict(w.chain.State(), domain, alpha) != nil; refused != want {
			t.Errorf("what others claim of %s is refused: %v, want %v", domain, refused, want)
		}
	}
	if err := w.trust.Pin(ctx, verifier.Pin{Domain: "merge.test", Key: alpha, Source: verifier.SourceTrust}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.trust.Unpin(ctx, "merge.test", time.Now()); err != nil {
		t.Fatal(err)
	}
	w.domains("beta.test", "merge.test")
	own("merge.test", true)

	w.domains("beta.test")
	own("merge.test", false)
	w.domains("beta.test", "merge.test")
	own("merge.test", true)

	// Of a domain with which it enrolled, too; a pin that the administrator has made stands.
	if err := w.trust.Pin(ctx, verifier.Pin{Domain: "zeta.test", Key: w.enrol.Enrol().OrgKey, Source: verifier.SourceTrust}, false); err != nil {
		t.Fatal(err)
	}
	w.domains("merge.test")
	own("beta.test", false)
	if _, pinned := w.trust.PinOf("zeta.test"); !pinned {
		t.Error("the administrator's pin is gone")
	}
	if err := errors.Join(w.seedTrust(ctx), w.pinOwn(ctx)); err != nil {
		t.Fatal(err)
	}
	own("beta.test", false)

	// While less of the chain is here than there was, nothing is decided by it.
	w.ownSeen.Add(1)
	if err := w.trust.Pin(ctx, verifier.Pin{Domain: "beta.test", Key: w.enrol.Enrol().OrgKey, Source: verifier.SourceOwn}, false); err != nil {
		t.Fatal(err)
	}
	if err := w.pinOwn(ctx); err != nil {
		t.Fatal(err)
	}
	own("beta.test", true)
}
