package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// JoinAsNode makes the node in dir one more node of the admission's organisation, which has taken
// it in: it needs no enrolment and no stamp of its own. An org key that is not the one of the
// enrolment is set aside, and its file returned: it is the one that Init made, which is nobody's,
// or a later one of the organisation. It returns ErrExists when the node belongs to a network
// already, and may be repeated after an interruption.
func JoinAsNode(dir string, a *membership.Admission) (aside string, err error) {
	if _, err := LoadConfig(dir); err != nil {
		return "", err
	}
	id, err := loadIdentity(dir, true)
	if err != nil {
		return "", err
	}
	if path := filepath.Join(dir, networkFile); fileExists(path) {
		return "", fmt.Errorf("%s is there already, the node belongs to a network: %w", path, ErrExists)
	}
	if err := a.Check(); err != nil {
		return "", fmt.Errorf("joining: the admission: %w", err)
	}
	if !a.Node.IsZero() && a.Node != id.NodeKey() {
		return "", api.Errorf(api.CodeNotAllowed, "run it on the machine whose request was taken in, or have this one taken in with what this prints: cairn org node request INVITE",
			"joining: the admission is for the node with the key %s, and this machine's is %s", a.Node, id.NodeKey())
	}
	own, founder := a.Enrol.Enrol(), a.Genesis.Block.Events[0].Enrol()
	s, err := newStage(dir)
	if err != nil {
		return "", fmt.Errorf("joining: %w", err)
	}
	defer s.discard()
	pins := slices.Concat(pinsOf(own.Domains, own.OrgKey, PinOwn), pinsOf(founder.Domains, founder.OrgKey, PinGenesis))
	if err := errors.Join(
		s.add(pinsFile, formatPins(pins)),
		s.add(peersFile, []byte(strings.Join(a.Addresses, "\n")+"\n")),
		s.add(enrolFile, a.Enrol.Encode()),
		s.add(networkFile, a.Genesis.Encode()),
	); err != nil {
		return "", fmt.Errorf("joining: %w", err)
	}
	if err := s.commit(true); err != nil {
		return "", fmt.Errorf("joining: %w", err)
	}
	if id.Org != nil && id.OrgKey() != own.OrgKey {
		return setOrgKeyAside(dir)
	}
	return "", nil
}

// setOrgKeyAside moves keys/org.pem to where nothing looks for it and nothing is, and returns the
// new file.
func setOrgKeyAside(dir string) (file string, err error) {
	file = asideFile(dir)
	path := filepath.Join(dir, filepath.FromSlash(file))
	if err := errors.Join(os.Rename(filepath.Join(dir, home.OrgKey), path), home.SyncDir(filepath.Dir(path))); err != nil {
		return "", fmt.Errorf("joining: setting %s aside: %w", home.OrgKey, err)
	}
	return file, nil
}

// asideFile is a name for an org key that nothing looks for and nothing has.
func asideFile(dir string) string {
	for i := 1; ; i++ {
		file := asideOrgKey + ".pem"
		if i > 1 {
			file = fmt.Sprintf("%s-%d.pem", asideOrgKey, i)
		}
		if !fileExists(filepath.Join(dir, filepath.FromSlash(file))) {
			return file
		}
	}
}

// asideOrgKey is where an org key is put that is not the enrolment's, without what its name ends
// with.
const asideOrgKey = keysDir + "/org-aside"

// RequestNode makes the request of the node in dir to be one of the organisation that invites.
func RequestNode(dir string, invite *membership.Invite) (*membership.NodeRequest, error) {
	if invite.Genesis.Params.Version < consensus.ParamsV2 {
		return nil, fmt.Errorf("asking for a place in the organisation: the network has parameters of version %d, in which nodes are not added", invite.Genesis.Params.Version)
	}
	id, err := loadIdentity(dir, true)
	if err != nil {
		return nil, err
	}
	if err := mayAsk(dir, id, invite); err != nil {
		return nil, err
	}
	chain := invite.Genesis.Params.ChainID()
	return &membership.NodeRequest{ChainID: chain, OrgKey: invite.OrgKey, Keys: consensus.NewNodeKeys(chain, invite.OrgKey, id.Node, id.Recorder)}, nil
}

// mayAsk refuses the request of a node that belongs to a network: but for one that has joined that
// organisation with an admission, which may be another machine's, so that no block takes it in.
func mayAsk(dir string, id *Identity, invite *membership.Invite) error {
	path := filepath.Join(dir, networkFile)
	if !fileExists(path) {
		return nil
	}
	enrol, err := LoadEnrol(dir)
	if err != nil {
		return err
	}
	e := enrol.Enrol()
	itself := slices.ContainsFunc(e.Nodes, func(k consensus.NodeKeys) bool { return k.Node == id.NodeKey() })
	same := e.OrgKey == invite.OrgKey || slices.ContainsFunc(e.Domains, func(d string) bool { return slices.Contains(invite.Domains, d) })
	if itself || !same || enrol.ChainID != invite.Genesis.Params.ChainID() {
		return fmt.Errorf("%s is there already, the node belongs to a network: %w", path, ErrExists)
	}
	return nil
}
