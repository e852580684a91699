package testnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/consensus/miner"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/membership"
	"cairn/smtpgw/courier"
)

// names are the organisations of a testnet, at domains that RFC 6761 reserves
// for tests.
var names = []string{
	"Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel",
	"India", "Juliett", "Kilo", "Lima", "Mike", "November", "Oscar", "Papa",
}

// Member is one running organisation of a Network.
type Member struct {
	*node.Node
	Name   string // as in "Alpha"
	Domain string // as in "alpha.test"
	Dir    string

	sending courier.Sending
	stop    context.CancelFunc
	done    chan error
}

// Network is a set of nodes on this machine that share one chain.
type Network struct {
	Members []*Member
	// RelayFrom is what members that are added from now on have as
	// submission.relay_from.
	RelayFrom []string
	// BlockInterval is that of the network, if it is set before the first member is added.
	BlockInterval time.Duration
	// Sending is how members that are added from now on send mail on; zero: as usual.
	Sending courier.Sending

	dir  string
	log  *slog.Logger
	mine string // configuration of each member
	bits uint32 // of genesis
}

// people are the accounts that organisations have besides their postmaster, one each, in turn.
var people = []string{"alice", "bob", "carol"}

// person names the one account that speaks for organisation number i.
func person(i int) string { return people[i%len(people)] }

// NewNetwork prepares a network in dir that starts at a difficulty which orgs
// miners meet together; mine is each member's configuration. Nothing runs yet.
func NewNetwork(ctx context.Context, dir string, orgs int, mine string, log *slog.Logger) (*Network, error) {
	if orgs < 1 || orgs > len(names) {
		return nil, fmt.Errorf("%d organisations: a testnet has 1 to %d", orgs, len(names))
	}
	sample := node.DefaultConfig("", nil)
	sample.Mine = mine
	rate := miner.Calibrate(ctx, 100*time.Millisecond) * sample.MiningShare() * float64(orgs)
	return &Network{dir: dir, log: log, mine: mine, bits: miner.BitsFor(rate)}, nil
}

// Org is an organisation to be, and how its node is set up.
type Org struct {
	Name    string // as in "Alpha"
	Domain  string // as in "alpha.test"
	Account string // of its one person
	// Configure changes the configuration before the node is made; nil leaves
	// it as it is.
	Configure func(*node.Config)
}

// Add makes the next organisation, joined to the network through its first
// member, with one account, and starts its node. The first one founds.
func (w *Network) Add(ctx context.Context) (*Member, error) {
	i := len(w.Members)
	return w.Join(ctx, Org{Name: names[i], Domain: strings.ToLower(names[i]) + ".test", Account: person(i)})
}

// Join is Add for an organisation that has a name of its own.
func (w *Network) Join(ctx context.Context, org Org) (*Member, error) {
	m := &Member{Name: org.Name, Domain: org.Domain, Dir: filepath.Join(w.dir, strings.ToLower(org.Name)), sending: w.Sending}
	cfg := node.DefaultConfig(m.Name, []string{m.Domain})
	cfg.Mine = w.mine
	cfg.Submission.Listen, cfg.Inbound.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Submission.RelayFrom = w.RelayFrom
	cfg.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	if org.Configure != nil {
		org.Configure(cfg)
	}
	o := node.InitOptions{Dir: m.Dir, Config: cfg, Now: time.Now()}
	if len(w.Members) == 0 {
		o.Network = node.LocalNetwork("testnet")
		o.Network.GenesisBits = w.bits
		if w.BlockInterval > 0 {
			o.Network.BlockInterval, o.Network.GenesisBits = w.BlockInterval, 0
		}
	}
	if _, err := node.Init(ctx, o); err != nil {
		return nil, err
	}
	if len(w.Members) > 0 {
		if err := w.invited(ctx, m); err != nil {
			return nil, err
		}
	}
	if err := m.Start(ctx, w.log.With("org", m.Name)); err != nil {
		return nil, err
	}
	w.Members = append(w.Members, m)
	_, err := m.AddAccount(ctx, api.AccountRequest{Name: org.Account})
	return m, err
}

// invited joins m with an invite of the first member.
func (w *Network) invited(ctx context.Context, m *Member) error {
	invite, err := w.Members[0].Invite(ctx)
	if err != nil {
		return err
	}
	decoded, err := membership.DecodeInvite(invite.Invite)
	if err != nil {
		return err
	}
	return node.Join(ctx, m.Dir, decoded, nil)
}

// Start opens the member's node, unless ctx ends before, and serves it until Stop.
func (m *Member) Start(ctx context.Context, log *slog.Logger) error {
	n, err := node.OpenWith(ctx, m.Dir, node.RunOptions{Log: log, Sending: m.sending})
	if err != nil {
		return fmt.Errorf("start the node of %s: %w", m.Name, err)
	}
	served, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.Node, m.stop, m.done = n, cancel, make(chan error, 1)
	started := make(chan struct{})
	go func() { m.done <- n.Serve(served, func() { close(started) }) }()
	select {
	case <-started:
		return nil
	case err := <-m.done:
		m.done = nil
		return errors.Join(fmt.Errorf("serve the node of %s: %w", m.Name, err), n.Close())
	}
}

// Stop ends the member's node, if it runs. It can be started again.
func (m *Member) Stop() error {
	if m.done == nil {
		return nil
	}
	m.stop()
	err := <-m.done
	m.done = nil
	return errors.Join(err, m.Node.Close())
}

// Stop ends all nodes at once.
func (w *Network) Stop() error {
	errs := make([]error, len(w.Members))
	var wg sync.WaitGroup
	for i, m := range w.Members {
		wg.Go(func() { errs[i] = m.Stop() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Address is the mail address of the member's one person.
func (w *Network) Address(i int) string { return person(i) + "@" + w.Members[i].Domain }

// Trust makes every member trust every other for its domain, as their
// administrators would after a call on the telephone, enrolled or not yet.
func (w *Network) Trust(ctx context.Context) error {
	for _, m := range w.Members {
		for _, other := range w.Members {
			if m == other {
				continue
			}
			r := api.TrustRequest{Domain: other.Domain, Key: other.Identity().OrgKey().String(), EvenSo: true}
			if _, err := m.Trust(ctx, r); err != nil {
				return fmt.Errorf("%s trusts %s: %w", m.Name, other.Name, err)
			}
		}
	}
	return nil
}

// AwaitMembers waits until every node sees every organisation enrolled, deep
// enough that its mail is sealed.
func (w *Network) AwaitMembers(ctx context.Context) error {
	for _, m := range w.Members {
		err := m.AwaitState(ctx, func(s *consensus.State) bool {
			for _, other := range w.Members {
				org, ok := s.OrgByRecorder(other.Identity().RecorderKey())
				if !ok || org.Height > 0 && s.Height() < org.Height+2 {
					return false
				}
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("%s waits for all to be enrolled: %w", m.Name, err)
		}
	}
	return nil
}

// AwaitState waits until the state at the node's tip satisfies ok.
func (m *Member) AwaitState(ctx context.Context, ok func(*consensus.State) bool) error {
	wake, cancel := m.Chain().Subscribe()
	defer cancel()
	for !ok(m.Chain().State()) {
		select {
		case <-wake:
		case <-ctx.Done():
			return fmt.Errorf("at %s: %w", m.Chain().Tip(), ctx.Err())
		}
	}
	return nil
}
