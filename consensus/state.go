package consensus

import (
	"bytes"
	"maps"
	"slices"
)

// BatchTip is the last batch of a recorder key that is in the chain.
type BatchTip struct {
	Seq    uint64
	ID     Hash
	Time   uint64 // the batch's, ms since 1970
	Height uint64 // of the block it is in
}

// KeyTip is a recorder key with its BatchTip.
type KeyTip struct {
	Recorder Key
	Tip      BatchTip
}

// State is all that the rules know after a block: its header state, the member
// table, and where each recorder key stands. It is never changed once made and
// may be used from any goroutine.
type State struct {
	hs      *HeaderState
	members *members
	tips    map[Key]BatchTip
}

// NewState puts a state together from stored parts: the header state of its
// block, all organisations, and the tips of all recorder keys that have one.
// It refuses organisations that share an ID or a key, since no chain leads to
// them.
func NewState(hs *HeaderState, orgs []*Org, tips []KeyTip) (*State, error) {
	t := newMembers().edit(hs.height)
	for _, o := range orgs {
		if t.byID[o.ID] != nil {
			return nil, broken(RuleDuplicateKey, "organisation %v is listed twice", o.ID)
		}
		if err := t.checkFree(o.keys()); err != nil {
			return nil, err
		}
		t.put(o)
	}
	s := &State{hs: hs, members: t.done(), tips: make(map[Key]BatchTip, len(tips))}
	for _, tip := range tips {
		s.tips[tip.Recorder] = tip.Tip
	}
	return s, nil
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

// StateRoot returns the Merkle root over the encodings of all organisations,
// ascending by ID.
func (s *State) StateRoot() Hash { return s.members.root }

// Orgs returns all organisations, ascending by ID. The slice must not be changed.
func (s *State) Orgs() []*Org { return s.members.orgs }

// Org returns the organisation with that ID.
func (s *State) Org(id Hash) (*Org, bool) {
	o, ok := s.members.byID[id]
	return o, ok
}

// OrgByKey returns the organisation with that org key.
func (s *State) OrgByKey(key Key) (*Org, bool) {
	o, ok := s.members.byKey[key]
	return o, ok
}

// OrgByRecorder returns the organisation that enrolled that recorder key.
func (s *State) OrgByRecorder(key Key) (*Org, bool) {
	e, ok := s.members.byRecorder[key]
	return e.org, ok
}

// OrgByNode returns the organisation that enrolled that node identity.
func (s *State) OrgByNode(key Key) (*Org, bool) {
	o, ok := s.members.byNode[key]
	return o, ok
}

// OrgsByDomain returns the organisations that claim a domain (lower-case
// A-label), ascending by ID. The slice must not be changed.
func (s *State) OrgsByDomain(domain string) []*Org { return s.members.byDomain[domain] }

// Claims returns the domains that e claims and the org key that it claims them for.
func (s *State) Claims(e *OrgEvent) (org Key, domains []string) {
	return e.Enrol().OrgKey, e.Content.claims()
}

// Spent reports whether e can be in no block after s: what it does is done, or cannot be done any
// more.
func (s *State) Spent(e *OrgEvent) bool { return slices.ContainsFunc(e.Content.keys(), s.members.has) }

// BatchTip returns the last batch of a recorder key in the chain; not ok if
// it has none yet.
func (s *State) BatchTip(recorder Key) (BatchTip, bool) {
	t, ok := s.tips[recorder]
	return t, ok
}

// BatchTips returns the tips of all recorder keys that have one, ascending by key.
func (s *State) BatchTips() []KeyTip {
	tips := make([]KeyTip, 0, len(s.tips))
	for k, t := range s.tips {
		tips = append(tips, KeyTip{k, t})
	}
	slices.SortFunc(tips, func(a, b KeyTip) int { return bytes.Compare(a.Recorder[:], b.Recorder[:]) })
	return tips
}

// Equal reports whether s and x agree in everything, for tests and self-checks.
func (s *State) Equal(x *State) bool {
	return s.hs.net.genesis == x.hs.net.genesis && bytes.Equal(s.hs.Encode(), x.hs.Encode()) &&
		s.members.root == x.members.root && maps.Equal(s.tips, x.tips)
}
