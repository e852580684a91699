package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cairn/consensus"
	"cairn/consensus/miner"
	"cairn/node/home"
)

// InitOptions say what node to make.
type InitOptions struct {
	Dir     string
	Config  *Config         // as DefaultConfig gives it, changed at will
	Network *NetworkOptions // the network to found; nil: none, Join comes later
	Now     time.Time       // becomes the time of the genesis block

	// Progress is told now and then how long the identity stamp has been
	// looked for and how long that takes on average; may be nil.
	Progress func(spent, expected time.Duration)
}

// NetworkOptions are the parameters of a new network.
type NetworkOptions struct {
	Version       uint16 // of the parameters
	Name          string
	BlockInterval time.Duration
	IdentityStamp uint8  // leading zero bits
	BatchStamp    uint8  // leading zero bits
	Attesters     uint8  // members that attest to a new one; 0: whoever pays the identity stamp enrols
	GenesisBits   uint32 // compact target; 0: so that this node alone meets BlockInterval
}

// PublicNetwork are the parameters for organisations that do not know each
// other: a member costs minutes, a batch a quarter second.
func PublicNetwork(name string) *NetworkOptions {
	return &NetworkOptions{Version: consensus.ParamsV2, Name: name, BlockInterval: 30 * time.Second, IdentityStamp: 30, BatchStamp: 20}
}

// LocalNetwork are the parameters for trying things out on one machine.
func LocalNetwork(name string) *NetworkOptions {
	return &NetworkOptions{Version: consensus.ParamsV2, Name: name, BlockInterval: time.Second, IdentityStamp: 16, BatchStamp: 8}
}

// calibration is how long hashing is measured for the genesis target.
const calibration = 50 * time.Millisecond

// Init makes a node in o.Dir: keys, configuration and, when o.Network is set,
// a network with this node's organisation as its first member. It returns
// ErrExists and changes nothing when there is a node, or anything else, already;
// but for what an Init was moving to its places when it was killed: that is gone
// on with, by the same options or by the domains alone.
func Init(ctx context.Context, o InitOptions) (*Identity, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if s := begunInit(o.Dir); s != nil {
		return s.finishInit(o)
	}
	s, id, err := prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	return id, s.commitInit()
}

// prepare stages the files of the node that is to be made in o.Dir.
func prepare(ctx context.Context, o InitOptions) (_ *stage, _ *Identity, err error) {
	if !fileExists(o.Dir) {
		defer func() {
			if err != nil {
				os.Remove(o.Dir) // it is empty unless something is to be looked at
			}
		}()
	}
	if err := home.Somewhere(o.Dir); err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the node's directory: %w", err)
	}
	for _, name := range []string{keysDir, ConfigFile, networkFile, enrolFile, pinsFile, peersFile} {
		path := filepath.Join(o.Dir, name)
		if fileExists(path) && (name != keysDir || !isEmptyFolder(path)) {
			return nil, nil, fmt.Errorf("%s is there already: %w", path, ErrExists)
		}
	}
	if err := vacant(o.Dir); err != nil {
		return nil, nil, err
	}
	if err := writable(o.Dir); err != nil {
		return nil, nil, fmt.Errorf("making the node's directory: %w", err)
	}
	id, err := newIdentity()
	if err != nil {
		return nil, nil, err
	}
	var enrol *consensus.OrgEvent
	var g *consensus.Genesis
	if o.Network != nil {
		if id.Recovery, err = recoveryFor(o.Dir, o.Network.Version); err != nil {
			return nil, nil, err
		}
		if enrol, g, err = found(ctx, o, id); err != nil {
			return nil, nil, err
		}
	}
	s, err := newStage(o.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("making the node's directory: %w", err)
	}
	if err := s.addNode(o.Config, id, enrol, g); err != nil {
		s.discard()
		return nil, nil, fmt.Errorf("making the node: %w", err)
	}
	return s, id, nil
}

// addNode stages the files of a node; enrol and g are nil where it founds no network. The
// configuration goes last: it makes the directory a node's.
func (s *stage) addNode(c *Config, id *Identity, enrol *consensus.OrgEvent, g *consensus.Genesis) error {
	if g != nil {
		if err := errors.Join(
			s.add(pinsFile, formatPins(pinsOf(c.Organisation.Domains, id.OrgKey(), PinOwn))),
			s.add(enrolFile, enrol.Encode()),
			s.add(networkFile, g.Encode()),
		); err != nil {
			return err
		}
	}
	if err := id.add(s); err != nil {
		return err
	}
	return s.add(ConfigFile, c.Format())
}

// found makes a new network and the enrolment of its founder.
func found(ctx context.Context, o InitOptions, id *Identity) (*consensus.OrgEvent, *consensus.Genesis, error) {
	p := consensus.Params{
		Version:       o.Network.Version,
		Name:          o.Network.Name,
		BlockInterval: o.Network.BlockInterval,
		GenesisTime:   o.Now.Truncate(time.Millisecond).UTC(),
		GenesisBits:   o.Network.GenesisBits,
		IdentityStamp: o.Network.IdentityStamp,
		BatchStamp:    o.Network.BatchStamp,
		Admission:     consensus.AdmissionOpen,
		Attesters:     o.Network.Attesters,
	}
	if p.Attesters > 0 {
		p.Admission = consensus.AdmissionAttested
	}
	rand.Read(p.Nonce[:])
	if p.GenesisBits == 0 {
		// A founder that does not mine still founds for those that will.
		share := max(o.Config.MiningShare(), 0.01)
		p.GenesisBits = miner.BitsFor(miner.Calibrate(ctx, calibration) * share * p.BlockInterval.Seconds())
	}
	if err := p.Check(); err != nil {
		return nil, nil, fmt.Errorf("founding the network: %w", err)
	}
	enrol, err := newEnrol(ctx, &p, o.Config, id, o.Progress)
	if err != nil {
		return nil, nil, err
	}
	g, err := consensus.NewGenesis(p, *enrol, id.Recorder)
	if err != nil {
		return nil, nil, fmt.Errorf("founding the network: %w", err)
	}
	return enrol, g, nil
}
