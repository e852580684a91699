package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/node/home"
)

// JoinAsNode makes the node in dir one more node of the admission's organisation, which has taken it in:
// it needs no enrolment and no stamp of its own. The org key that Init made is nobody's and goes. It
// returns ErrExists when the node belongs to a network already, and may be repeated after an
// interruption.
func JoinAsNode(dir string, a *Admission) error {
	if _, err := LoadConfig(dir); err != nil {
		return err
	}
	id, err := loadIdentity(dir, true)
	if err != nil {
		return err
	}
	if path := filepath.Join(dir, networkFile); fileExists(path) {
		return fmt.Errorf("%s is there already, the node belongs to a network: %w", path, ErrExists)
	}
	if err := a.check(); err != nil {
		return fmt.Errorf("joining: the admission: %w", err)
	}
	own, founder := a.Enrol.Enrol(), a.Genesis.Block.Events[0].Enrol()
	s, err := newStage(dir)
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	defer s.discard()
	pins := slices.Concat(pinsOf(own.Domains, own.OrgKey, PinOwn), pinsOf(founder.Domains, founder.OrgKey, PinGenesis))
	if err := errors.Join(
		s.add(pinsFile, formatPins(pins)),
		s.add(peersFile, []byte(strings.Join(a.Addresses, "\n")+"\n")),
		s.add(enrolFile, a.Enrol.Encode()),
		s.add(networkFile, a.Genesis.Encode()),
	); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if err := s.commit(true); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if id.Org != nil && id.OrgKey() != own.OrgKey {
		if err := os.Remove(filepath.Join(dir, home.OrgKey)); err != nil {
			return fmt.Errorf("joining: %w", err)
		}
	}
	return nil
}

// RequestNode makes the request of the node in dir to be one of the organisation that invites.
func RequestNode(dir string, invite *Invite) (*NodeRequest, error) {
	if invite.Genesis.Params.Version < consensus.ParamsV2 {
		return nil, fmt.Errorf("asking for a place in the organisation: the network has parameters of version %d, in which nodes are not added", invite.Genesis.Params.Version)
	}
	if path := filepath.Join(dir, networkFile); fileExists(path) {
		return nil, fmt.Errorf("%s is there already, the node belongs to a network: %w", path, ErrExists)
	}
	id, err := loadIdentity(dir, true)
	if err != nil {
		return nil, err
	}
	chain := invite.Genesis.Params.ChainID()
	return &NodeRequest{chain, invite.OrgKey, consensus.NewNodeKeys(chain, invite.OrgKey, id.Node, id.Recorder)}, nil
}
