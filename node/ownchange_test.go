package node

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/verifier"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
	"cairn/node/p2p"
)

// changing is a node of beta.test in a network that alpha.test founded, whose blocks the test
// makes.
type changing struct {
	t   *testing.T
	net *chaintest.Network // alpha, beta

	alpha, dir string // of alpha's files, and of the node
	log        signalled
	*Node
}

// signalled is a log that tells when there is a line with some text.
type signalled struct {
	text string
	seen chan struct{}
	once sync.Once
}

func (s *signalled) Write(b []byte) (int, error) {
	if strings.Contains(string(b), s.text) {
		s.once.Do(func() { close(s.seen) })
	}
	return len(b), nil
}

func newChanging(t *testing.T) *changing {
	t.Helper()
	t.Parallel() // a node of these waits for others most of the time
	alpha := filepath.Join(shortDir(t), "alpha")
	o := InitOptions{Dir: alpha, Config: DefaultConfig("Alpha", []string{"alpha.test"}), Network: LocalNetwork("test"), Now: time.Now().Add(-time.Hour)}
	o.Network.IdentityStamp, o.Network.BatchStamp, o.Network.GenesisBits = 4, 4, consensus.MaxBits
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	g, err := LoadNetwork(alpha)
	if err != nil {
		t.Fatal(err)
	}
	w := &changing{t: t, net: &chaintest.Network{Genesis: g}, alpha: alpha, dir: newcomer(t, "Beta", "beta.test")}
	w.log = signalled{text: "this node was dropped by its organisation in block 3", seen: make(chan struct{})}
	quiet(t, w.dir, nil)
	if err := Join(t.Context(), w.dir, inviteFrom(t, alpha, g, "alpha.test"), nil); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{alpha, w.dir} {
		id, err := LoadIdentity(dir)
		if err != nil {
			t.Fatal(err)
		}
		enrol, err := LoadEnrol(dir)
		if err != nil {
			t.Fatal(err)
		}
		w.net.Orgs = append(w.net.Orgs, chaintest.Org{Key: id.Org, Recorder: id.Recorder, Node: id.Node, Event: *enrol})
	}
	w.Node, err = Open(t.Context(), w.dir, slog.New(slog.NewTextHandler(&w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Node.Close() })
	w.block(w.net.Orgs[1].Event)
	return w
}

// block adds a block of alpha's with these events.
func (w *changing) block(events ...consensus.OrgEvent) {
	w.t.Helper()
	if _, err := w.chain.AddBlock(w.net.Mine(w.chain.State(), 0, chaintest.Body{Events: events}), time.Now()); err != nil {
		w.t.Fatal(err)
	}
}

// change is an event of organisation number org, signed by its key.
func (w *changing) change(org int, content func(e *consensus.OrgEvent) consensus.Content) consensus.OrgEvent {
	return w.net.Orgs[org].Change(w.chain.State(), w.net.Orgs[org].Key, true, content)
}

// rotate gives an organisation another key, at once.
func (w *changing) rotate(org int, recovery ed25519.PrivateKey) (former, now consensus.Key) {
	w.t.Helper()
	next := chaintest.Key("another org key", org)
	e := w.change(org, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewRotate(e, next, recovery) })
	w.block(e)
	former, w.net.Orgs[org].Key = consensus.PublicKey(w.net.Orgs[org].Key), next
	return former, consensus.PublicKey(next)
}

func recoveryOf(t *testing.T, dir string) ed25519.PrivateKey {
	t.Helper()
	key, err := LoadRecoveryKey(filepath.Join(dir, filepath.FromSlash(home.RecoveryKey)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A node takes part with the domains that its organisation has now.
func TestOwnDomainsFollowTheChain(t *testing.T) {
	w := newChanging(t)
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta & Co", Domains: []string{"another.test", "beta.test"}, Records: consensus.RecordsAll}
	}))
	if err := w.pinOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := (router{w.Node}).Route(t.Context(), "another.test"); err != nil || !r.Local {
		t.Errorf("the route to a domain of our own is %+v, %v", r, err)
	}
	// The configured one comes first: reports come from there.
	if d := w.gatewayConfig().Domains(); !slices.Equal(d, []string{"beta.test", "another.test"}) {
		t.Errorf("the gateway takes mail for %v", d)
	}
	if p, ok := w.trust.PinOf("another.test"); !ok || string(p.Source) != PinOwn {
		t.Errorf("the new domain is pinned: %v, %+v", ok, p)
	}
	s, err := w.Status(t.Context())
	if err != nil || s.Org.Name != "Beta & Co" || !slices.Equal(s.Org.Domains, []string{"another.test", "beta.test"}) {
		t.Errorf("status says %+v, %v", s.Org, err)
	}
	if w.postmaster() != "postmaster@beta.test" {
		t.Errorf("the postmaster has become %s", w.postmaster())
	}
	c, err := w.Claims(t.Context(), "another.test")
	if err != nil || len(c.Claims) != 1 || !c.Claims[0].Own || !c.Claims[0].Trusted {
		t.Errorf("the domain is claimed by %+v, %v", c, err)
	}
}

// The key that counts is shown; trust in a former one is trust in its organisation.
func TestKeysByHeight(t *testing.T) {
	w := newChanging(t)
	next := chaintest.Key("pending org key", 0)
	former := consensus.PublicKey(w.net.Orgs[1].Key)
	w.block(w.change(1, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewRotate(e, next, nil) }))
	if s, err := w.Status(t.Context()); err != nil || s.Org.Key != former.String() {
		t.Errorf("while another key is pending status says %s, %v", s.Org.Key, err)
	}
	before := w.chain.State()
	former, now := w.rotate(1, recoveryOf(t, w.dir))
	if org, err := w.oneOrg(before, now.String()); err == nil || api.AsError(err).Code != api.CodeNotFound {
		t.Errorf("of before the rotation, by the key of after it: %+v, %v", org, err)
	}
	if s, err := w.Status(t.Context()); err != nil || s.Org.Key != now.String() || !s.Org.Enrolled {
		t.Errorf("after the rotation status says %+v, %v", s.Org, err)
	}
	for _, which := range []string{"", now.String(), former.String(), "beta.test"} {
		list, err := w.Orgs(t.Context(), which)
		if err != nil || len(list.Orgs) != 1 || !list.Orgs[0].Own || list.Orgs[0].Key != now.String() || len(list.Orgs[0].Trusted) != 1 {
			t.Errorf("by %q: %+v, %v", which, list, err)
		}
	}
	text, err := w.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i, err := membership.DecodeInvite(text.Invite); err != nil || i.OrgKey != now {
		t.Errorf("the invite names %v, %v", i.OrgKey, err)
	}
	if _, err := w.Trust(t.Context(), api.TrustRequest{Domain: "beta.test", Key: now.String()}); err != nil {
		t.Errorf("our own key for our own domain: %v", err)
	}
	if _, err := w.Trust(t.Context(), api.TrustRequest{Domain: "beta.test", Key: consensus.PublicKey(w.net.Orgs[0].Key).String(), EvenSo: true, Replace: true}); api.AsError(err).Code != api.CodeNotAllowed {
		t.Errorf("another's key for our own domain: %v", err)
	}
}

func TestPinOnAFormerKey(t *testing.T) {
	w := newChanging(t)
	before, err := router{w.Node}.Route(t.Context(), "alpha.test")
	if err != nil {
		t.Fatal(err)
	}
	former, now := w.rotate(0, recoveryOf(t, w.alpha))
	after, err := router{w.Node}.Route(t.Context(), "alpha.test")
	if err != nil || after.To == before.To || !strings.HasPrefix(after.To, w.net.Orgs[0].ID().String()) {
		t.Errorf("the route was to %q and is to %q, %v", before.To, after.To, err)
	}
	c, err := w.Claims(t.Context(), "alpha.test")
	if err != nil || len(c.Claims) != 1 || !c.Claims[0].Pinned || !c.Claims[0].Trusted || c.Claims[0].Key != now.String() {
		t.Errorf("claims %+v, %v", c, err)
	}
	if c.Pin == nil || c.Pin.Key != former.String() || !c.Pin.Former || c.Pin.Unclaimed {
		t.Errorf("the pin is %+v", c.Pin)
	}
	pin, err := w.Trust(t.Context(), api.TrustRequest{Domain: "alpha.test", Key: now.String()})
	if err != nil || pin.Key != now.String() || pin.Former {
		t.Errorf("pinning the key that counts: %+v, %v", pin, err)
	}
}

// A verdict names who recorded a mail as it was in the block with the record, and what it is called
// now where that differs.
func TestVerdictsNameTheRecorderOfThen(t *testing.T) {
	w := newChanging(t)
	s := w.chain.State()
	org := w.ownAt(s)
	f := &verifier.Finding{Org: org.ID, Block: chain.Index{Height: s.Height(), ID: s.Tip()}}
	view := func() [4]string {
		v := w.viewFinding(f)
		return [4]string{v.Org, v.OrgKey, v.OrgNow, v.OrgKeyNow}
	}
	if got := view(); got != [4]string{"Beta", org.Key.String()} {
		t.Errorf("before: %q", got)
	}
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta GmbH", Domains: []string{"beta.test"}}
	}))
	if got := view(); got != [4]string{"Beta", org.Key.String(), "Beta GmbH"} {
		t.Errorf("renamed: %q", got)
	}
	_, key := w.rotate(1, recoveryOf(t, w.dir))
	if got := view(); got != [4]string{"Beta", org.Key.String(), "Beta GmbH", key.String()} {
		t.Errorf("with another key: %q", got)
	}
	f.Block = chain.Index{}
	if got := view(); got != [4]string{"Beta GmbH", key.String()} {
		t.Errorf("in no block: %q", got)
	}
}

// A node that was dropped says so, stops mining at once and recording after a while, and goes on
// running.
func TestDroppedNode(t *testing.T) {
	w := newChanging(t)
	key := w.net.Orgs[1].Key
	other := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(key), chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: other} }))
	if s, err := w.Status(t.Context()); err != nil || s.Org.Ended != "" || s.Mail.ForGood {
		t.Errorf("before: %+v, %+v, %v", s.Org, s.Mail, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	ready := make(chan struct{})
	go func() { served <- w.Serve(ctx, func() { close(ready) }) }()
	<-ready
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: w.id.NodeKey()} }))
	<-w.log.seen
	w.cfg.Mine = "10%"
	s, err := w.Status(t.Context())
	if err != nil || !s.Org.Enrolled || !strings.Contains(s.Org.Ended, "dropped by its organisation in block 3") || s.Org.EndedNext == "" || s.Mail.ForGood ||
		s.Chain.MiningWaits != "this node was dropped by its organisation in block 3" {
		t.Errorf("after: %+v, %+v, %v", s.Org, s.Mail, err)
	}
	if why, next := w.miningWaits(w.chain.State()); !strings.Contains(why, "dropped by its organisation in block 3") || next != "" {
		t.Errorf("mining waits: %q, %q", why, next)
	}
	state := w.chain.State()
	if _, active := state.ActiveNode(w.id.NodeKey()); active || state.Mines(w.id.RecorderKey()) || w.gatewayConfig().Enrolled(w.id.NodeKey()) {
		t.Error("the node counts still")
	}
	if _, sends := state.SendingNode(w.id.NodeKey()); !sends {
		t.Error("the node seals nothing more")
	}
	if got := peersByOrg(state, []p2p.Peer{{Node: w.id.NodeKey()}, {Node: other.Node}}); len(got) != 1 || got[0].Org != "Beta" || got[0].Nodes != 2 || got[0].Ended != 1 {
		t.Errorf("of nodes that are connected, one that ended: %+v", got)
	}
	orgs, err := w.Orgs(t.Context(), "")
	if err != nil || len(orgs.Orgs[0].Nodes) != 2 || orgs.Orgs[0].Nodes[0].End != "dropped" || orgs.Orgs[0].Nodes[1].End != "" {
		t.Errorf("nodes %+v, %v", orgs, err)
	}
	select {
	case err := <-served:
		t.Fatalf("the node ended: %v", err)
	default:
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("the node ended with %v", err)
	}

	// So it does where its entry has forgotten it.
	for w.chain.State().Height() < 3+consensus.DropGrace {
		w.block()
	}
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta", Domains: []string{"beta.test"}}
	}))
	if s, err := w.Status(t.Context()); err != nil || !s.Mail.ForGood || w.gatewayConfig().Enrolled(w.id.NodeKey()) ||
		s.Mail.Halted != "this node was dropped by its organisation in block 3" || s.Mail.Next != "send from another node of the organisation: cairn org node ls" {
		t.Errorf("much later: %+v, %v", s.Mail, err)
	}
	if org := w.own(); len(org.Nodes) != 1 || !strings.Contains(w.ended(w.chain.State()), "in block 3") {
		t.Errorf("much later: %+v, %q", org.Nodes, w.ended(w.chain.State()))
	}
}
