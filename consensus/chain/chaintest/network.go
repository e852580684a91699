package chaintest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"cairn/consensus"
)

// Interval is T of the networks made here.
const Interval = time.Second

// GenesisTime is when the networks made here begin.
var GenesisTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Stamps of the networks made here, in bits: a few hashes each.
const (
	IdentityStamp = 2
	BatchStamp    = 2
)

// Network is a genesis with the keys of everyone in it.
type Network struct {
	Genesis *consensus.Genesis
	Orgs    []Org // the first is the founder; Enrolments makes the others members
}

// Org is an organisation with all its private keys and one node.
type Org struct {
	Name     string
	Domain   string
	Key      ed25519.PrivateKey // org key
	Node     ed25519.PrivateKey // libp2p identity
	Recorder ed25519.PrivateKey
	Recovery ed25519.PrivateKey // enrolled under version 2
	Event    consensus.OrgEvent // signed and stamped
}

// RecorderKey returns the public recorder key.
func (o *Org) RecorderKey() consensus.Key { return consensus.PublicKey(o.Recorder) }

// ID returns the organisation's id on the chain.
func (o *Org) ID() consensus.Hash { return o.Event.ID() }

// Params returns parameters with the easiest proof of work: two hashes a block.
func Params() consensus.Params {
	return consensus.Params{
		Version:       consensus.ParamsV1,
		Name:          "chaintest",
		BlockInterval: Interval,
		GenesisTime:   GenesisTime,
		GenesisBits:   consensus.MaxBits,
		IdentityStamp: IdentityStamp,
		BatchStamp:    BatchStamp,
		Admission:     consensus.AdmissionOpen,
	}
}

// ParamsV2 returns Params of version 2: organisations change, recorder keys have epochs.
func ParamsV2() consensus.Params {
	p := Params()
	p.Version = consensus.ParamsV2
	return p
}

// New makes a network of n organisations, org1.example to org<n>.example, with
// the parameters of Params. The same n gives the same network.
func New(n int) *Network { return NewWith(Params(), n) }

// NewWith is New with other parameters. It panics if they are not valid.
func NewWith(p consensus.Params, n int) *Network {
	net := new(Network)
	for i := range n {
		net.Orgs = append(net.Orgs, newOrg(&p, i+1))
	}
	g, err := consensus.NewGenesis(p, net.Orgs[0].Event, net.Orgs[0].Recorder)
	if err != nil {
		panic("chaintest: " + err.Error())
	}
	net.Genesis = g
	return net
}

func newOrg(p *consensus.Params, number int) Org {
	o := Org{
		Name:     fmt.Sprintf("Org %d", number),
		Domain:   fmt.Sprintf("org%d.example", number),
		Key:      key("org", number),
		Node:     key("node", number),
		Recorder: key("recorder", number),
		Recovery: key("recovery", number),
	}
	chain, public := p.ChainID(), consensus.PublicKey(o.Key)
	o.Event = consensus.OrgEvent{
		Version: p.Version,
		ChainID: chain,
		Content: &consensus.Enrol{
			Name:    o.Name,
			Domains: []string{o.Domain},
			OrgKey:  public,
			Nodes:   []consensus.NodeKeys{consensus.NewNodeKeys(chain, public, o.Node, o.Recorder)},
			Records: consensus.RecordsAll,
		},
	}
	if p.HasEpochs() {
		o.Event.Signer = public
		o.Event.Enrol().Recovery = consensus.RecoveryCommitment(consensus.PublicKey(o.Recovery))
	}
	o.Event.Stamp, _ = consensus.SolveIdentityStamp(nil, chain, public, p.IdentityStamp)
	o.Event.Sign(o.Key)
	return o
}

// Enrolment returns a copy of o's enrol event, to be changed and signed anew.
func (o *Org) Enrolment() consensus.OrgEvent {
	e, err := consensus.DecodeEvent(o.Event.Encode())
	if err != nil {
		panic("chaintest: " + err.Error())
	}
	return *e
}

// Change returns an event of o that comes next in s, of version 2: with what content makes of it,
// stamped, and signed by signer unless that is nil. It names the event before only if ordered.
func (o *Org) Change(s *consensus.State, signer ed25519.PrivateKey, ordered bool, content func(e *consensus.OrgEvent) consensus.Content) consensus.OrgEvent {
	e := consensus.OrgEvent{Version: s.Params().Version, ChainID: s.ChainID(), Subject: o.ID()}
	if entry, ok := s.Org(o.ID()); ok && ordered {
		e.Prev = entry.LastEvent
	}
	if signer != nil {
		e.Signer = consensus.PublicKey(signer)
	}
	e.Content = content(&e)
	e.Stamp, _ = consensus.SolveEventStamp(nil, &e, s.Params().BatchStamp)
	if signer != nil {
		e.Sign(signer)
	}
	return e
}

// Key derives a private key from a purpose and a number, as all keys here are.
func Key(purpose string, number int) ed25519.PrivateKey { return key(purpose, number) }

func key(purpose string, number int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "chaintest %s %d", purpose, number))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Enrolments returns the events of all organisations but the founder.
func (n *Network) Enrolments() []consensus.OrgEvent {
	events := make([]consensus.OrgEvent, 0, len(n.Orgs))
	for i := range n.Orgs[1:] {
		events = append(events, n.Orgs[i+1].Event)
	}
	return events
}
