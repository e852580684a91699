package node

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"cairn/consensus"
	"cairn/node/home"
	"cairn/node/membership"
)

// orgKeyOf is the org key that an event is to bring; the zero key if it brings none.
func orgKeyOf(e *consensus.OrgEvent) (key consensus.Key) {
	switch c := e.Content.(type) {
	case *consensus.Rotate:
		key = c.Key
	case *consensus.Revoke:
		key = c.Key
	}
	return key
}

// followOrgKey puts the key that signs into its place again where the chain went another way than
// the one in this node's directory: back to the key before, or on to one that had come to nothing.
func (n *Node) followOrgKey(s *consensus.State) error {
	org, member := s.Org(n.ownID())
	if !member || n.viewIsOld(s) {
		return nil
	}
	kept, err := n.proposed()
	if err != nil {
		return err
	}
	noted, err := n.overtakenEvents()
	if err != nil {
		return err
	}
	_, err = n.putOrgKeyBack(s, func(key consensus.Key) bool {
		if org.Pending.Key == key || slices.ContainsFunc(kept, func(e *consensus.OrgEvent) bool {
			_, in := membership.BlockOf(s, e)
			return orgKeyOf(e) == key && !in
		}) {
			return false // it may come
		}
		_, had := wasOrgKey(s, org.ID, key)
		return had || slices.ContainsFunc(noted, func(o overtaken) bool { return orgKeyOf(o.event) == key })
	})
	return err
}

// putOrgKeyBack puts the key that signs in the place of the one in this node's directory, if that
// one is lost and the other lies beside it. former is where the lost one is then, to sign if the
// chain should have it yet; empty: nothing was moved.
func (n *Node) putOrgKeyBack(s *consensus.State, lost func(consensus.Key) bool) (former string, err error) {
	path := filepath.Join(n.dir, home.OrgKey)
	here, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	org, member := s.Org(n.ownID())
	if err != nil || !member || consensus.PublicKey(here) == org.KeyAt(s.Height()+1) || !lost(consensus.PublicKey(here)) {
		return "", err
	}
	list, err := FormerOrgKeys(n.dir)
	i := slices.IndexFunc(list, func(f FormerOrgKey) bool { return f.Key == org.KeyAt(s.Height()+1) })
	if i < 0 {
		return "", err
	}
	old, err := keepFormer(path, oldKeyPrefix, s.Height())
	if err != nil {
		return "", err
	}
	n.log.Info("the key of the organisation that signs is in its place again", "key", list[i].Key, "before", old)
	return keysDir + "/" + filepath.Base(old), putInPlace(list[i].File, path)
}

// wasOrgKey tells the block from which an organisation has a key no more, neither as its own nor as
// one that is announced, as where a revocation overtook a rotation; 0 if it has. One that was
// announced takes it with no other event. had: it ever had.
func wasOrgKey(s *consensus.State, org consensus.Hash, key consensus.Key) (until uint64, had bool) {
	until, had = membership.LastWas(s, org, func(o *consensus.Org) bool { return o.Key == key || o.Pending.Key == key })
	if o, member := s.Org(org); member && until == 0 && had && o.Pending.Key != key {
		until = o.Pending.At
	}
	return until, had
}
