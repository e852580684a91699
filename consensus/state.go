package consensus

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// State is all that the rules know after a block: its header state, the member
// table, and where each series of batches stands. It is never changed once made and
// may be used from any goroutine.
type State struct {
	hs      *HeaderState
	members *members
	tips    *tips
}

// NewState puts a state together from stored parts: the header state of its
// block, all organisations, their former entries in the order in which they
// ended, and the tips of all series of batches. It refuses organisations that
// share an ID or a key, since no chain leads to them.
func NewState(hs *HeaderState, orgs []*Org, past []*Past, series []SeriesTip) (*State, error) {
	m := newMembers()
	for _, p := range past {
		m.remember(p)
		for _, k := range p.Org.keys() {
			m.owners[k] = p.Org.ID
		}
	}
	for _, o := range orgs {
		if m.byID[o.ID] != nil {
			return nil, broken(RuleDuplicateKey, "organisation %v is listed twice", o.ID)
		}
		for _, k := range o.keys() {
			if id, taken := m.owners[k]; taken && id != o.ID {
				return nil, takenError(k)
			}
		}
		m.add(o)
	}
	return &State{hs: hs, members: m.hash(), tips: newTips(series)}, nil
}

// HeaderState returns the part of the state that headers alone determine.
func (s *State) HeaderState() *HeaderState { return s.hs }

// Network returns the network of the chain.
func (s *State) Network() *Network { return s.hs.net }

// Params returns the network's parameters, which must not be changed.
func (s *State) Params() *Params { return &s.hs.net.params }

// ChainID returns the network's chain id.
func (s *State) ChainID() ChainID { return s.hs.net.chain }

// GenesisID returns the ID of the genesis block.
func (s *State) GenesisID() Hash { return s.hs.net.genesis }

// Height returns the height of the last block.
func (s *State) Height() uint64 { return s.hs.height }

// Tip returns the ID of the last block.
func (s *State) Tip() Hash { return s.hs.id }

// Work returns the work of all blocks up to the last.
func (s *State) Work() Work { return s.hs.work }

// NextBits returns the compact target that the next header must state.
func (s *State) NextBits() uint32 { return s.hs.NextBits() }

// MedianTime returns what the next block's time must exceed, ms since 1970.
func (s *State) MedianTime() uint64 { return s.hs.MedianTime() }

// Time returns the last block's time, ms since 1970.
func (s *State) Time() uint64 { return s.hs.Time() }

// Past returns the former entries of organisations, in the order in which they ended. The slice must not
// be changed.
func (s *State) Past() []*Past { return s.members.past }

// Orgs returns all organisations, ascending by ID. The slice must not be changed.
func (s *State) Orgs() []*Org { return s.members.orgs }

// Org returns the organisation with that ID.
func (s *State) Org(id Hash) (*Org, bool) {
	o, ok := s.members.byID[id]
	return o, ok
}

// OrgAt returns the entry that the organisation had after the block of that
// height.
func (s *State) OrgAt(id Hash, height uint64) (*Org, bool) { return s.members.at(id, height) }

// OrgByKey returns the organisation that has, or had, that org key.
func (s *State) OrgByKey(key Key) (*Org, bool) { return s.members.owner(ownKey{orgKey, key}) }

// OrgByRecorder returns the organisation that has, or had, that recorder key.
func (s *State) OrgByRecorder(key Key) (*Org, bool) { return s.members.owner(ownKey{recorderKey, key}) }

// OrgByNode returns the organisation that has, or had, that node identity.
func (s *State) OrgByNode(key Key) (*Org, bool) { return s.members.owner(ownKey{nodeKey, key}) }

// Concerns returns the recorder keys and domains of which the events of a block of the chain may change
// whose they are: of an update those before and after it, of any other event all that its organisation has
// or had, since trust in a key that comes or goes is trust in all of these.
func (s *State) Concerns(events []OrgEvent, height uint64) (recorders []Key, domains []string) {
	whole := make(map[Hash]bool) // the organisations, and whether by all of their history
	for i := range events {
		e := &events[i]
		_, claims := e.Claims()
		recorders, domains = append(recorders, e.Recorders()...), append(domains, claims...)
		whole[e.Org()] = whole[e.Org()] || e.Type() != EventUpdate
	}
	add := func(o *Org) {
		for i := range o.Nodes {
			recorders = append(recorders, o.Nodes[i].Recorder)
		}
		domains = append(domains, o.Domains...)
	}
	for id, all := range whole {
		if o, ok := s.Org(id); ok && all {
			add(o)
		}
	}
	past := s.members.past
	first, _ := slices.BinarySearchFunc(past, height, func(p *Past, h uint64) int { return cmp.Compare(p.Until, h) })
	for i, p := range past {
		if all, is := whole[p.Org.ID]; is && (all || i >= first && p.Until == height) {
			add(p.Org)
		}
	}
	slices.SortFunc(recorders, compareKeys)
	slices.Sort(domains)
	return slices.Compact(recorders), slices.Compact(domains)
}

// Mines reports whether headers of a recorder key count in the next block.
func (s *State) Mines(recorder Key) bool {
	_, _, ok := s.members.active(recorder)
	return ok
}

// Seals reports whether batches of a recorder key count in the next block.
func (s *State) Seals(recorder Key) bool {
	_, ok := s.members.sealing(recorder, s.Height()+1)
	return ok
}

// EpochFrom returns the height of the first block in which a recorder key may open
// another epoch.
func (s *State) EpochFrom(recorder Key) uint64 {
	last, ok := s.tips.lastOpened(recorder)
	if !ok {
		return 0
	}
	return last + EpochGap
}

// OrgsByDomain returns the organisations that claim a domain (lower-case
// A-label), ascending by ID. The slice must not be changed.
func (s *State) OrgsByDomain(domain string) []*Org { return s.members.byDomain[domain] }

// BatchTip returns the last batch of a series in the chain; not ok if it has
// none yet.
func (s *State) BatchTip(series Series) (BatchTip, bool) {
	t, ok := s.tips.by[series]
	return t, ok
}

// Equal reports whether s and x agree in everything, for tests and self-checks.
func (s *State) Equal(x *State) bool {
	return s.hs.net.genesis == x.hs.net.genesis && bytes.Equal(s.hs.Encode(), x.hs.Encode()) &&
		s.members.root == x.members.root && s.members.pastTree.root() == x.members.pastTree.root() &&
		maps.Equal(s.tips.by, x.tips.by) && s.tips.tree.root() == x.tips.tree.root()
}

// stateRoot is what a header states about the tables after its block. Under
// version 1 that is the members'; under version 2 the root of a tree with five
// leaves: members, their former entries, tips of series, voters (none yet) and
// the blocks before it.
func stateRoot(n *Network, m *members, t *tips, before ancestry) Hash {
	if n.params.Version < ParamsV2 {
		return m.root
	}
	return MerkleRoot([]Hash{m.root, m.pastTree.root(), t.tree.root(), MerkleRoot(nil), before.root()})
}
