package consensus

import (
	"bytes"
	"iter"
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
	m, err := tableOf(orgs, past)
	if err != nil {
		return nil, err
	}
	return &State{hs: hs, members: m, tips: newTips(series)}, nil
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

// Past returns the former entries of organisations, in the order in which they ended. It makes a
// slice of them, see PastLen.
func (s *State) Past() []*Past { return collect(s.PastLen(), s.members.past.all()) }

// PastLen returns how many former entries of organisations there are.
func (s *State) PastLen() int { return s.members.past.len() }

// PastAt returns the former entry with that number, from 0 in the order in which they ended.
func (s *State) PastAt(number int) *Past { return s.members.past.at(number) }

// Orgs returns all organisations, ascending by ID. It makes a slice of them, see OrgCount.
func (s *State) Orgs() []*Org {
	return collect(s.OrgCount(), func(yield func(*Org) bool) {
		s.members.orgs.All()(func(_ Hash, o *Org) bool { return yield(o) })
	})
}

// OrgCount returns how many organisations there are.
func (s *State) OrgCount() int { return s.members.orgs.Len() }

// collect makes a slice of so many values.
func collect[V any](n int, values iter.Seq[V]) []V { return slices.AppendSeq(make([]V, 0, n), values) }

// Org returns the organisation with that ID.
func (s *State) Org(id Hash) (*Org, bool) { return s.members.orgs.Get(id) }

// Entries returns all entries that an organisation has had, the present one last.
func (s *State) Entries(id Hash) []*Org {
	o, ok := s.Org(id)
	if !ok {
		return nil
	}
	entries := []*Org{o}
	for h, _ := s.members.former.Get(id); h != nil; h = h.before {
		entries = append(entries, h.Org)
	}
	slices.Reverse(entries)
	return entries
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

// Concerns returns the recorder keys and domains of which the events of a block of the chain may
// change whose they are: of an update those before and after it, of any other event all that its
// organisation has or had, since trust in a key that comes or goes is trust in all of these.
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
		former, _ := s.members.former.Get(id)
		if o, ok := s.Org(id); ok && all {
			add(o)
		}
		if !all {
			former = former.until(height)
		}
		for h := former; h != nil && (all || h.Until == height); h = h.before {
			add(h.Org)
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
	last, ok := s.tips.opened.Get(recorder)
	if !ok {
		return 0
	}
	return last.height + EpochGap
}

// OrgsByDomain returns the organisations that claim a domain (lower-case
// A-label), ascending by ID.
func (s *State) OrgsByDomain(domain string) (orgs []*Org) {
	for c := range s.members.claims.From(claim{domain: domain}) {
		if c.domain != domain {
			break
		}
		o, _ := s.Org(c.org)
		orgs = append(orgs, o)
	}
	return orgs
}

// BatchTip returns the last batch of a series in the chain; not ok if it has
// none yet.
func (s *State) BatchTip(series Series) (BatchTip, bool) {
	t := s.tips.tip(series)
	return t, t != BatchTip{}
}

// Equal reports whether s and x agree in everything, for tests and self-checks.
func (s *State) Equal(x *State) bool {
	return s.hs.net.genesis == x.hs.net.genesis && bytes.Equal(s.hs.Encode(), x.hs.Encode()) &&
		s.members.root == x.members.root && s.members.past.root() == x.members.past.root() && s.tips.equal(x.tips)
}

// stateRoot is what a header states about the tables after its block. Under
// version 1 that is the members'; under version 2 the root of a tree with five
// leaves: members, their former entries, tips of series, voters (none yet) and
// the blocks before it.
func stateRoot(n *Network, m *members, t *tips, before ancestry) Hash {
	if n.params.Version < ParamsV2 {
		return m.root
	}
	return MerkleRoot([]Hash{m.root, m.past.root(), t.tree.root(), MerkleRoot(nil), before.root()})
}
