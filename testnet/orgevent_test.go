package testnet_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/node"
	"cairn/node/api"
	"cairn/testnet"
)

// changes is an organisation of which events are made, and one that trusts it.
type changes struct {
	*testing.T
	ctx  context.Context
	w    *testnet.Network
	a, b *testnet.Member
}

func startChanges(t *testing.T) *changes {
	t.Helper()
	w, ctx := start(t, 2)
	return &changes{t, ctx, w, w.Members[0], w.Members[1]}
}

// making is one way of node.Standing to an event.
type making func(st *node.Standing, keys []ed25519.PrivateKey) (*consensus.OrgEvent, error)

// event makes an event of a's organisation.
func (c *changes) event(with making) []byte {
	c.Helper()
	v, err := c.a.OrgStanding(c.ctx)
	if err != nil {
		c.Fatal(err)
	}
	st, err := node.DecodeStanding(c.a.Chain().Genesis(), v)
	if err != nil {
		c.Fatal(err)
	}
	keys, err := node.LoadOrgKeys(c.a.Dir)
	if err != nil {
		c.Fatal(err)
	}
	e, err := with(st, keys)
	if err != nil {
		c.Fatal(err)
	}
	return e.Encode()
}

func (c *changes) propose(with making) {
	c.Helper()
	if _, err := c.a.ProposeEvent(c.ctx, api.EventRequest{Event: c.event(with)}); err != nil {
		c.Fatal(err)
	}
}

// rotates puts a key in the directory of a, as the command does, and proposes it.
func (c *changes) rotates(atOnce bool, with func(st *node.Standing, keys []ed25519.PrivateKey, key ed25519.PrivateKey) (*consensus.OrgEvent, error)) {
	c.Helper()
	key, err := node.NewKey()
	if err != nil {
		c.Fatal(err)
	}
	c.propose(func(st *node.Standing, keys []ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		e, err := with(st, keys, key)
		if err == nil {
			_, err = node.ReplaceOrgKey(c.a.Dir, key, st.RotationAt(atOnce))
		}
		return e, err
	})
}

func (c *changes) recovery() ed25519.PrivateKey {
	c.Helper()
	key, err := node.LoadRecoveryKey(filepath.Join(c.a.Dir, "keys", "recovery.pem"))
	if err != nil {
		c.Fatal(err)
	}
	return key
}

// sees waits until b's chain has a change of a's organisation.
func (c *changes) sees(what string) api.OrgChange {
	c.Helper()
	var found api.OrgChange
	err := c.b.AwaitState(c.ctx, func(*consensus.State) bool {
		l, err := c.b.OrgChanges(c.ctx, c.a.Domain)
		if err != nil {
			return false
		}
		i := slices.IndexFunc(l.Changes, func(x api.OrgChange) bool { return x.What == what })
		if i >= 0 {
			found = l.Changes[i]
		}
		return i >= 0
	})
	if err != nil {
		c.Fatalf("no %s: %v", what, err)
	}
	return found
}

// send sends from a node of a's organisation to b.
func (c *changes) send(m *testnet.Member, from, subject string) {
	c.Helper()
	from += "@" + c.a.Domain
	if err := testnet.SendOne(m.SubmissionAddr(), from, c.w.Address(1), testnet.Compose(from, c.w.Address(1), subject, "hello\n")); err != nil {
		c.Fatal(err)
	}
}

// verified waits until a mail is verified at b.
func (c *changes) verified(subject string) {
	c.Helper()
	_, err := c.b.AwaitMail(c.ctx, "bob", func(m *testnet.Mail) bool {
		return testnet.Subject(subject)(m) && m.Verdict() == record.Verified
	})
	if err != nil {
		c.Fatalf("%q is not verified: %v", subject, err)
	}
}

// addNode makes one more node of a's organisation, with an account, and starts it.
func (c *changes) addNode(name, account string) *testnet.Member {
	c.Helper()
	m := &testnet.Member{Name: name, Domain: c.a.Domain, Dir: filepath.Join(c.TempDir(), name)}
	cfg := node.DefaultConfig(c.a.Name, []string{c.a.Domain})
	cfg.Mine, cfg.Submission.Listen, cfg.Inbound.Listen = "off", "127.0.0.1:0", ""
	cfg.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	if _, err := node.Init(c.ctx, node.InitOptions{Dir: m.Dir, Config: cfg, Now: time.Now()}); err != nil {
		c.Fatal(err)
	}
	text, err := c.a.Invite(c.ctx)
	if err != nil {
		c.Fatal(err)
	}
	invite, err := node.DecodeInvite(text.Invite)
	if err != nil {
		c.Fatal(err)
	}
	made, err := node.RequestNode(m.Dir, invite)
	if err != nil {
		c.Fatal(err)
	}
	r, err := node.DecodeNodeRequest(made.Encode())
	if err != nil {
		c.Fatal(err)
	}
	added, err := c.a.AdmitNode(c.ctx, api.EventRequest{Event: c.event(func(st *node.Standing, keys []ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		return st.AddNode(c.ctx, keys, r, nil)
	})})
	if err != nil {
		c.Fatal(err)
	}
	admission, err := node.DecodeAdmission(added.Admission)
	if err != nil {
		c.Fatal(err)
	}
	if err := node.JoinAsNode(m.Dir, admission); err != nil {
		c.Fatal(err)
	}
	c.sees("node-added")
	if err := m.Start(slog.New(slog.DiscardHandler)); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		if err := m.Stop(); err != nil {
			c.Error(err)
		}
	})
	if _, err := m.AddAccount(c.ctx, api.AccountRequest{Name: account}); err != nil {
		c.Fatal(err)
	}
	pin := api.TrustRequest{Domain: c.b.Domain, Key: c.b.Identity().OrgKey().String(), EvenSo: true} // each node has pins of its own
	if _, err := m.Trust(c.ctx, pin); err != nil {
		c.Fatal(err)
	}
	return m
}

// An organisation's key changes while its mail is under way, and a node comes and goes: all mail is
// verified by who trusts it, and the administrator there is told of the keys.
func TestKeysChangeWithMailUnderWay(t *testing.T) {
	t.Parallel()
	c := startChanges(t)
	const mails = 6
	for i := range mails {
		c.send(c.a, "alice", fmt.Sprint("mail ", i))
		if i == mails/2 {
			c.rotates(true, func(st *node.Standing, keys []ed25519.PrivateKey, key ed25519.PrivateKey) (*consensus.OrgEvent, error) {
				return st.Rotate(c.ctx, keys, key, c.recovery(), nil)
			})
		}
	}
	changed := c.sees("key")
	c.send(c.a, "alice", "with another key")
	c.verified("with another key")
	for i := range mails {
		c.verified(fmt.Sprint("mail ", i))
	}
	if _, err := c.b.AwaitMail(c.ctx, "postmaster", testnet.Subject("Keys of alpha.test have changed")); err != nil {
		t.Fatalf("the administrator is not told: %v", err)
	}
	o, err := c.b.Orgs(c.ctx, c.a.Domain)
	if err != nil || len(o.Orgs) != 1 || o.Orgs[0].Key != changed.To || len(o.Orgs[0].Trusted) != 1 {
		t.Errorf("the pin does not follow: %+v, %v", o, err)
	}

	second := c.addNode("second", "dora")
	c.send(second, "dora", "of the second node")
	c.verified("of the second node")
	c.propose(func(st *node.Standing, keys []ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		return st.DropNode(c.ctx, keys, second.Identity().NodeKey(), nil)
	})
	c.sees("node-dropped")
	c.verified("of the second node")
	c.send(c.a, "alice", "of the first node still")
	c.verified("of the first node still")
}

// A thief has the organisation's key and a node's: the recovery key takes back what the thief has
// announced. What was recorded before stays verified, and the node's records count no more.
func TestRevocationBeatsAPendingRotation(t *testing.T) {
	t.Parallel()
	c := startChanges(t)
	stolen := c.addNode("stolen", "dora")
	c.send(stolen, "dora", "before")
	c.verified("before")
	thief, err := node.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	c.propose(func(st *node.Standing, keys []ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		return st.Rotate(c.ctx, keys, thief, nil, nil)
	})
	if pending := c.sees("key-pending"); pending.To != consensus.PublicKey(thief).String() || pending.Counts <= pending.Height {
		t.Errorf("announced: %+v", pending)
	}
	next, err := node.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	c.rotates(true, func(st *node.Standing, _ []ed25519.PrivateKey, key ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		return st.Revoke(c.ctx, c.recovery(), key, next, []consensus.Key{stolen.Identity().NodeKey()}, nil)
	})
	c.sees("key-revoked")
	c.sees("key-pending-gone")
	c.sees("node-revoked")
	c.verified("before")

	err = stolen.AwaitState(c.ctx, func(s *consensus.State) bool { return !s.Seals(stolen.Identity().RecorderKey()) })
	if err != nil {
		t.Fatal(err)
	}
	c.send(stolen, "dora", "after")
	c.send(c.a, "alice", "after, of the other node")
	c.verified("after, of the other node")
	box, err := c.b.Mailbox("bob")
	if err != nil {
		t.Fatal(err)
	}
	for i := range box {
		if testnet.Subject("after")(&box[i]) {
			t.Errorf("mail that a revoked node recorded is %s", box[i].Verdict())
		}
	}
	c.propose(func(st *node.Standing, keys []ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		u := st.Profile()
		u.Name = "Alpha again"
		return st.Update(c.ctx, keys, u, nil)
	})
	c.sees("name")
}
