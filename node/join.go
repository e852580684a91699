package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/node/home"
	"cairn/node/membership"
)

// Join makes the node in dir a member of the invite's network: it solves the
// identity stamp, which may take minutes, and writes the network file, the
// enrol event for Run to publish, and what to trust and whom to connect to at
// the start. progress is as in InitOptions. It returns ErrExists when the node
// belongs to a network already, and may be repeated after an interruption.
func Join(ctx context.Context, dir string, invite *membership.Invite, progress func(spent, expected time.Duration)) error {
	c, err := LoadConfig(dir)
	if err != nil {
		return err
	}
	id, err := LoadIdentity(dir)
	if err != nil {
		return err
	}
	if path := filepath.Join(dir, networkFile); fileExists(path) {
		if _, err := LoadEnrol(dir); err != nil {
			return err
		}
		return fmt.Errorf("%s is there already, the node belongs to a network: %w", path, ErrExists)
	}
	if err := invite.Check(); err != nil {
		return fmt.Errorf("joining: the invite: %w", err)
	}
	g := invite.Genesis
	founder := g.Block.Events[0].Enrol()
	for _, d := range c.Organisation.Domains {
		if slices.Contains(founder.Domains, d) && founder.OrgKey != id.OrgKey() ||
			slices.Contains(invite.Domains, d) && invite.OrgKey != id.OrgKey() {
			next := "name your own domains there, and join again; or, to be one more node of that organisation, with its invite: cairn org node request INVITE"
			return &ConfigError{
				File: filepath.Join(dir, ConfigFile), Key: "organisation.domains", Next: next,
				Cause: fmt.Sprintf("%s belongs to another organisation of the network %s", d, g.Params.Name),
			}
		}
	}
	if err := writable(dir); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if id.Recovery, err = recoveryFor(dir, g.Params.Version); err != nil {
		return err
	}
	enrol, err := newEnrol(ctx, &g.Params, c, id, progress)
	if err != nil {
		return err
	}
	pins := slices.Concat(pinsOf(c.Organisation.Domains, id.OrgKey(), PinOwn), othersPins(founder, invite))
	s, err := newStage(dir)
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	defer s.discard()
	if err := errors.Join(
		id.addRecovery(s),
		s.add(pinsFile, formatPins(pins)),
		s.add(peersFile, []byte(strings.Join(invite.Addresses, "\n")+"\n")),
		s.add(enrolFile, enrol.Encode()),
		s.add(networkFile, g.Encode()),
	); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if err := s.commit(true); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	return nil
}

// othersPins are those of the founder and of whoever made the invite. Where it is the founder's
// organisation with a later key than that of the network file, it is the later one.
func othersPins(founder *consensus.Enrol, invite *membership.Invite) []Pin {
	first := founder.Domains
	if founder.OrgKey != invite.OrgKey {
		first = slices.DeleteFunc(slices.Clone(first), func(d string) bool { return slices.Contains(invite.Domains, d) })
	}
	return slices.Concat(pinsOf(first, founder.OrgKey, PinGenesis), pinsOf(invite.Domains, invite.OrgKey, PinInvite))
}

// newEnrol makes the signed enrol event of the configured organisation.
func newEnrol(ctx context.Context, p *consensus.Params, c *Config, id *Identity, progress func(spent, expected time.Duration)) (*consensus.OrgEvent, error) {
	o := &c.Organisation
	domains := slices.Clone(o.Domains)
	slices.Sort(domains)
	e := &consensus.OrgEvent{
		Version: p.Version,
		ChainID: p.ChainID(),
		Content: &consensus.Enrol{
			Name:           o.Name,
			Domains:        domains,
			OrgKey:         id.OrgKey(),
			Nodes:          []consensus.NodeKeys{consensus.NewNodeKeys(p.ChainID(), id.OrgKey(), id.Node, id.Recorder)},
			ThresholdFloor: uint8(o.ThresholdFloor),
		},
	}
	if p.Version >= consensus.ParamsV2 {
		e.Signer = id.OrgKey()
		e.Enrol().Recovery = consensus.RecoveryCommitment(consensus.PublicKey(id.Recovery))
	}
	if err := e.Enrol().Records.UnmarshalText([]byte(o.Records)); err != nil {
		return nil, err
	}
	var ok bool
	e.Stamp, ok = consensus.SolveIdentityStamp(membership.StampStop(ctx, p.IdentityStamp, progress), e.ChainID, e.Enrol().OrgKey, p.IdentityStamp)
	if !ok {
		return nil, fmt.Errorf("solving the identity stamp: %w", ctx.Err())
	}
	e.Sign(id.Org)
	if err := consensus.CheckEvent(p, e.ChainID, e); err != nil {
		return nil, fmt.Errorf("making the enrolment: %w", err) // no block would ever hold it
	}
	return e, nil
}

// LoadNetwork reads the network file. The error is ErrNotMember when the node
// has joined none.
func LoadNetwork(dir string) (*consensus.Genesis, error) {
	b, err := readMember(dir, networkFile)
	if errors.Is(err, ErrNotMember) && fileExists(filepath.Join(dir, enrolFile)) && fileExists(filepath.Join(dir, home.MailHead)) {
		return nil, lost(filepath.Join(dir, networkFile))
	}
	if err != nil {
		return nil, err
	}
	g, err := consensus.DecodeGenesis(b)
	if err != nil {
		return nil, spoilt(filepath.Join(dir, networkFile), err)
	}
	return g, nil
}

// LoadEnrol reads this node's enrol event. The error is ErrNotMember when the
// node has joined no network.
func LoadEnrol(dir string) (*consensus.OrgEvent, error) {
	b, err := readMember(dir, enrolFile)
	if errors.Is(err, ErrNotMember) && fileExists(filepath.Join(dir, networkFile)) {
		return nil, lost(filepath.Join(dir, enrolFile))
	}
	if err != nil {
		return nil, err
	}
	e, err := consensus.DecodeEvent(b)
	if err != nil {
		return nil, spoilt(filepath.Join(dir, enrolFile), err)
	}
	return e, nil
}

func readMember(dir, name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: %w", dir, name, ErrNotMember)
	}
	return b, err
}
