package membership

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/node/api"
)

// founding is how the founder of a network stands when that begins.
func founding(t *testing.T) (*chaintest.Org, *Standing) {
	t.Helper()
	net := chaintest.NewWith(chaintest.ParamsV2(), 1)
	s := net.Genesis.State()
	org, ok := s.Org(net.Orgs[0].ID())
	if !ok {
		t.Fatal("the founder is no member")
	}
	return &net.Orgs[0], NewStanding(s.Params(), s.Height(), org, nil)
}

// Without the organisation's key nothing is signed; with a foreign one neither.
func TestEventsWithoutTheKey(t *testing.T) {
	_, st := founding(t)
	foreign := chaintest.Key("foreign", 1)
	u := st.Profile()
	u.Name = "Other"
	for want, keys := range map[string][]ed25519.PrivateKey{"is not here as keys/org.pem": nil, "no key here is the organisation's": {foreign}} {
		if _, err := st.Update(t.Context(), keys, u, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d keys: %v", len(keys), err)
		}
	}
	if _, err := st.Rotate(t.Context(), nil, foreign, foreign, nil); err == nil || !strings.Contains(err.Error(), "not the one that the organisation has enrolled") {
		t.Errorf("a foreign recovery key: %v", err)
	}
}

// A node that ended takes no other recorder key.
func TestReplaceAfterTheEnd(t *testing.T) {
	o, st := founding(t)
	org := *st.Org()
	org.Nodes = []consensus.OrgNode{{NodeKeys: org.Nodes[0].NodeKeys, End: consensus.NodeDropped, Until: 7}}
	st = NewStanding(st.params, st.Height(), &org, nil)
	if _, err := st.Replace(t.Context(), o.Node, chaintest.Key("other", 1), nil); api.AsError(err) == nil || api.AsError(err).Code != api.CodeNotAllowed || !strings.Contains(err.Error(), "ended in block 7") {
		t.Errorf("a node that ended: %v", err)
	}
	former := org.Nodes[0]
	former.Recorder, former.Since, former.End, former.Until = consensus.PublicKey(chaintest.Key("former", 1)), 1, consensus.NodeSuspended, 9
	org.Nodes[0].Since = 3
	org.Nodes = append(org.Nodes, former)
	if _, err := st.Replace(t.Context(), o.Node, chaintest.Key("other", 1), nil); err == nil || !strings.Contains(err.Error(), "ended in block 7") {
		t.Errorf("a node with a former key that was suspended later: %v", err)
	}
}

// An event that waits is what the next one follows, and what the organisation says of itself.
func TestEventsFollowThoseThatWait(t *testing.T) {
	o, st := founding(t)
	keys := []ed25519.PrivateKey{o.Key}
	u := st.Profile()
	if _, err := st.Update(t.Context(), keys, u, nil); api.AsError(err) == nil || api.AsError(err).Code != api.CodeUnchanged {
		t.Errorf("the same again: %v", err)
	}
	u.Name = "First"
	first, err := st.Update(t.Context(), keys, u, nil)
	if err != nil || first.Prev != st.Org().LastEvent {
		t.Fatalf("%+v, %v", first, err)
	}
	st = NewStanding(st.params, st.Height(), st.Org(), []*consensus.OrgEvent{first})
	rotated, err := st.Rotate(t.Context(), keys, chaintest.Key("next org", 1), nil, nil)
	if err != nil || rotated.Prev != first.ID() || st.Profile().Name != "First" || len(st.Waiting()) != 1 {
		t.Fatalf("%+v, %v", rotated, err)
	}
	st = NewStanding(st.params, st.Height(), st.Org(), []*consensus.OrgEvent{first, rotated})
	if _, err := st.DropNode(t.Context(), keys, consensus.PublicKey(o.Node), nil); api.AsError(err) == nil || api.AsError(err).Code != api.CodeTryLater {
		t.Errorf("while another key waits: %v", err)
	}
}

// What waits for a block is not spoken of as if a block had it.
func TestWhatWaitsIsSaidToWait(t *testing.T) {
	o, st := founding(t)
	keys := []ed25519.PrivateKey{o.Key}
	recovery, next, third := chaintest.Key("recovery", 1), chaintest.Key("next recovery", 1), chaintest.Key("third recovery", 1)
	org := *st.Org()
	org.Recovery = consensus.RecoveryCommitment(consensus.PublicKey(recovery))
	st = NewStanding(st.params, st.Height(), &org, nil)
	u := st.Profile()
	u.Name = "First"
	first, err := st.Update(t.Context(), keys, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	revoke := func(st *Standing, with, next ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		return st.Revoke(t.Context(), with, chaintest.Key("next org", 1), next, nil, nil)
	}
	second, err := revoke(st, recovery, next)
	if err != nil {
		t.Fatal(err)
	}
	updated := NewStanding(st.params, st.Height(), &org, []*consensus.OrgEvent{first})
	revoked := NewStanding(st.params, st.Height(), &org, []*consensus.OrgEvent{second})
	for _, tt := range []struct {
		what string
		make func() (*consensus.OrgEvent, error)
		code api.Code
		says string
	}{
		{"the same update again", func() (*consensus.OrgEvent, error) { return updated.Update(t.Context(), keys, u, nil) }, api.CodeUnchanged,
			"an update that waits for a block says that already"},
		{"as it was before", func() (*consensus.OrgEvent, error) { return updated.Update(t.Context(), keys, ProfileOf(&org), nil) }, "", ""},
		{"a second revocation", func() (*consensus.OrgEvent, error) { return revoke(revoked, recovery, third) }, api.CodeTryLater,
			"another revocation waits for a block"},
		{"one with the key to come", func() (*consensus.OrgEvent, error) { return revoke(revoked, next, third) }, api.CodeTryLater,
			"it is that of a revocation which waits for a block"},
		{"a rotation with it", func() (*consensus.OrgEvent, error) {
			return revoked.Rotate(t.Context(), keys, chaintest.Key("other org", 1), next, nil)
		}, api.CodeTryLater, "it is that of a revocation which waits for a block"},
		{"one with a strange key", func() (*consensus.OrgEvent, error) { return revoke(revoked, third, next) }, api.CodeInvalid,
			"not the one that the organisation has enrolled"},
	} {
		_, err := tt.make()
		e := api.AsError(err)
		switch {
		case tt.code == "" && err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case tt.code != "" && (e == nil || e.Code != tt.code || !strings.Contains(e.Message, tt.says)):
			t.Errorf("%s: %+v", tt.what, e)
		}
	}
}
