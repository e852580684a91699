package node

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

// own is this node's organisation: as the chain has it, and as it enrols while no
// block has that. The configuration says it only until the node joins.
func (n *Node) own() *consensus.Org { return n.ownAt(n.chain.State()) }

func (n *Node) ownAt(s *consensus.State) *consensus.Org {
	if org, ok := s.Org(n.ownID()); ok {
		return org
	}
	e := n.enrol.Enrol()
	org := &consensus.Org{
		ID: n.ownID(), Name: e.Name, Domains: e.Domains, Key: e.OrgKey, Records: e.Records, ThresholdFloor: e.ThresholdFloor,
	}
	for _, keys := range e.Nodes {
		org.Nodes = append(org.Nodes, consensus.OrgNode{NodeKeys: keys})
	}
	return org
}

// keyOf is the org key that counts in the next block.
func keyOf(s *consensus.State, org *consensus.Org) consensus.Key { return org.KeyAt(s.Height() + 1) }

// hasKey reports whether org has, or had, that org key, so that trust in it is trust in org.
func hasKey(s *consensus.State, org *consensus.Org, key consensus.Key) bool {
	owner, ok := s.OrgByKey(key)
	return ok && owner.ID == org.ID || key == org.Key
}

// checkMembership is belongs, where the node starts.
func (n *Node) checkMembership() error {
	if _, err := belongs(n.dir, n.id, n.genesis, n.enrol); err != nil {
		err.Message = "starting the node: " + err.Message
		return err
	}
	o, own := n.cfg.Organisation, n.enrol.Enrol()
	if keysLast(n.genesis) && (o.Name != own.Name || !slices.Equal(slices.Sorted(slices.Values(o.Domains)), own.Domains)) {
		n.log.Warn("the organisation is another one in "+ConfigFile+" than as it is enrolled; the enrolment counts", "name", own.Name, "domains", own.Domains)
	}
	return nil
}

// keysLast tells of a network in which the keys of an enrolment never change. In others checkKeys
// asks the chain.
func keysLast(g *consensus.Genesis) bool { return g.Params.Version < consensus.ParamsV2 }

// belongs holds that keys, enrolment and network belong together, and says which file does not.
// Mail that is signed with other keys than the enrolled ones can never be recorded.
func belongs(dir string, id *Identity, g *consensus.Genesis, enrol *consensus.OrgEvent) (file string, _ *api.Error) {
	p, own := &g.Params, enrol.Enrol()
	mixed := func(file, of string) (string, *api.Error) {
		return file, api.Errorf(api.CodeInvalid, unmixed(file), "%s does not belong to %s", filepath.Join(dir, file), of)
	}
	if enrol.ChainID != p.ChainID() {
		return mixed(enrolFile, "the network of "+networkFile)
	}
	if keysLast(g) && id.Org != nil && own.OrgKey != id.OrgKey() {
		return mixed(home.OrgKey, "the organisation of "+enrolFile)
	}
	if keysLast(g) && !slices.ContainsFunc(own.Nodes, func(k consensus.NodeKeys) bool {
		return k.Recorder == id.RecorderKey() && k.Node == id.NodeKey()
	}) {
		return mixed(filepath.Join(keysDir, home.RecorderKeyFile)+" or "+home.NodeKeyFile, "the organisation of "+enrolFile)
	}
	if err := consensus.CheckEvent(p, p.ChainID(), enrol); err != nil {
		return enrolFile, api.Errorf(api.CodeInvalid, home.CureDamaged(enrolFile), "%s is damaged: %v", filepath.Join(dir, enrolFile), plain(err))
	}
	return "", nil
}

// oneBackup is what helps where the files that say whose node it is do not belong together.
const oneBackup = "restore keys, " + enrolFile + " and " + networkFile + " from one backup of this node"

// unmixed is what helps against a file that does not belong to the others.
func unmixed(file string) string {
	if file == home.OrgKey { // in no ordinary backup
		return "move it away, and " + home.Cure(file)
	}
	return oneBackup + home.NextCopyOut
}

// checkKeys is checkMembership where keys change: each is in the enrolment, of our organisation on
// the chain, or not known to the chain, of which less may be here than when the keys were made. It
// needs formers, and what loadOwnSeen and loadRecorders load.
func (n *Node) checkKeys() *api.Error {
	if n.genesis.Params.Version < consensus.ParamsV2 {
		return nil
	}
	s, own := n.chain.State(), n.enrol.Enrol()
	ours := func(org *consensus.Org, known bool) bool { return known && org.ID == n.ownID() }
	recorder := slices.ContainsFunc(own.Nodes, func(k consensus.NodeKeys) bool { return k.Recorder == n.id.RecorderKey() })
	added := func(known bool) bool { return !known && !n.enrolledItself() && !recorder }
	bad := ""
	org, known := s.OrgByNode(n.id.NodeKey())
	if !ours(org, known) && !added(known) && !n.enrolledItself() {
		bad = home.NodeKeyFile
	}
	org, known = s.OrgByRecorder(n.id.RecorderKey())
	if !ours(org, known) && !added(known) && !recorder && (known || !n.recorderComes(s)) {
		bad = home.RecorderKeyFile
	}
	if n.id.Org != nil && n.id.OrgKey() != own.OrgKey {
		switch org, known = s.OrgByKey(n.id.OrgKey()); {
		case known && !ours(org, known):
			bad = home.OrgKeyFile
		case !known && !n.orgKeyComes():
			n.log.Warn("the organisation's key is not one that the chain knows here; events of the organisation need one that counts",
				"file", filepath.Join(n.dir, home.OrgKey), "try", n.typable("once the chain is here: cairn org changes"))
		}
	}
	if bad != "" {
		return api.Errorf(api.CodeInvalid, unmixed(keysDir+"/"+bad), "%s does not belong to the organisation of %s", filepath.Join(n.dir, keysDir, bad), enrolFile)
	}
	return nil
}

// fileError is what is wrong with a file that says whose node it is.
type fileError struct {
	file string // in the node's directory
	err  error
}

// filesOfOthers tells which files of a node are another node's or organisation's, or not to be
// read, as a start would find: by the chain, and by what the mail store keeps. Either may be
// missing; then that tells less. n is made for this alone: what it lacks is loaded into it.
func (n *Node) filesOfOthers() (found []fileError, err error) {
	_, err = n.startPins()
	if _, said := errors.AsType[*api.Error](err); said {
		found = append(found, fileError{pinsFile, err})
	} else if err != nil && !errors.Is(err, mailstore.ErrDamaged) { // which is said of the store
		return nil, err
	}
	if n.id == nil || n.enrol == nil || n.genesis == nil {
		return found, nil
	}
	if n.chain == nil {
		if n.chain, err = chain.OpenStore(chain.InMemory(), n.genesis, n.log); err != nil {
			return found, err
		}
	}
	if n.store != nil {
		err := errors.Join(n.loadOwnSeen(), n.loadRecorders())
		if errors.Is(err, mailstore.ErrDamaged) { // said of the store
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if n.formers, err = formerRecorders(n.dir, n.id.Recorder); err != nil {
			return append(found, fileError{keysDir, err}), nil
		}
		if err := n.checkKeys(); err != nil {
			found = append(found, fileError{keysDir, err})
		}
	}
	if err := n.checkConfig(); err != nil {
		found = append(found, fileError{ConfigFile, err})
	}
	return found, nil
}

// checkConfig holds that the configuration is not another organisation's: with its name, with
// domains of its alone, and none of ours. The node would listen where that one's does.
func (n *Node) checkConfig() *api.Error {
	s, c := n.chain.State(), &n.cfg.Organisation
	own := n.ownAt(s)
	for _, org := range s.OrgsByDomain(c.Domains[0]) {
		foreign := func(domain string) bool {
			return slices.Contains(org.Domains, domain) && !slices.Contains(own.Domains, domain)
		}
		if org.ID != own.ID && org.Name == c.Name && !slices.ContainsFunc(c.Domains, func(d string) bool { return !foreign(d) }) {
			return api.Errorf(api.CodeInvalid, "put this node's own "+ConfigFile+" back", "%s is the configuration of %q (%s); this node is of %q (%s)",
				filepath.Join(n.dir, ConfigFile), org.Name, strings.Join(org.Domains, ", "), own.Name, strings.Join(own.Domains, ", "))
		}
	}
	return nil
}

// orgKeyComes reports whether an event that makes our org key the organisation's is on its way, or
// was.
func (n *Node) orgKeyComes() bool {
	if old, err := oldOrgKeys(n.dir); err == nil && len(old) > 0 {
		return true
	}
	list, err := n.proposed()
	return err == nil && slices.ContainsFunc(list, func(e *consensus.OrgEvent) bool {
		switch c := e.Content.(type) {
		case *consensus.Rotate:
			return c.Key == n.id.OrgKey()
		case *consensus.Revoke:
			return c.Key == n.id.OrgKey()
		}
		return false
	})
}

// homeFirst are our domains, first the one that comes first in the configuration: reports come from
// there.
func (n *Node) homeFirst() []string {
	domains := slices.Clone(n.own().Domains)
	for _, home := range slices.Backward(n.cfg.Organisation.Domains) {
		if i := slices.Index(domains, home); i > 0 {
			domains = slices.Insert(slices.Delete(domains, i, i+1), 0, home)
		}
	}
	return domains
}
