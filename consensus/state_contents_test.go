package consensus

import (
	"maps"
	"slices"
)

// contents is all that a state's tables hold, however they are made.
type contents struct {
	orgs    []*Org
	past    []*Past
	entries map[Hash][]*Org // by organisation, the present entry last
	owners  map[ownKey]Hash
	claims  map[string][]*Org // by domain
	living  int
	tips    []SeriesTip
	opened  map[Key][]uint64 // heights, the latest first
	roots   [3]Hash          // members, former entries, series
}

func contentsOf(s *State) contents {
	c := contents{
		orgs: s.Orgs(), past: s.Past(), entries: make(map[Hash][]*Org), owners: make(map[ownKey]Hash), claims: make(map[string][]*Org),
		living: s.members.living, tips: s.BatchTips(), opened: make(map[Key][]uint64),
		roots: [3]Hash{s.members.root, s.members.past.root(), s.tips.tree.root()},
	}
	for _, o := range c.orgs {
		c.entries[o.ID] = s.Entries(o.ID)
	}
	for k, o := range s.members.owners.All() {
		c.owners[k] = o.org
	}
	for by := range s.members.claims.All() {
		if c.claims[by.domain] == nil {
			c.claims[by.domain] = s.OrgsByDomain(by.domain)
		}
	}
	for key, o := range s.tips.opened.All() {
		for ; o != nil; o = o.before {
			c.opened[key] = append(c.opened[key], o.height)
		}
	}
	return c
}

// plainContents is what contentsOf has to be, put together from organisations, former entries and
// tips without any table.
func plainContents(s *State) contents {
	c := contents{
		orgs: s.Orgs(), past: s.Past(), entries: make(map[Hash][]*Org), owners: make(map[ownKey]Hash), claims: make(map[string][]*Org),
		tips: s.BatchTips(), opened: make(map[Key][]uint64),
	}
	var leaves, formers []Hash
	for _, o := range c.orgs {
		leaves = append(leaves, LeafHash(o.Encode()))
		for _, d := range o.Domains {
			c.claims[d] = append(c.claims[d], o)
		}
		for _, k := range o.keys() {
			c.owners[k] = o.ID
		}
		if o.ActiveNodes() > 0 {
			c.living++
		}
	}
	for _, p := range c.past {
		formers = append(formers, LeafHash(p.Encode()))
		c.entries[p.Org.ID] = append(c.entries[p.Org.ID], p.Org)
		for _, k := range p.Org.keys() {
			c.owners[k] = p.Org.ID
		}
	}
	for _, o := range c.orgs {
		c.entries[o.ID] = append(c.entries[o.ID], o)
	}
	byNumber := make(map[uint32]SeriesTip)
	for _, t := range c.tips {
		if t.Tip.Opened != 0 {
			byNumber[t.Tip.Number] = t
		}
	}
	var series []Hash
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		t := byNumber[number]
		series = append(series, t.leaf())
		c.opened[t.Recorder] = append([]uint64{t.Tip.Opened}, c.opened[t.Recorder]...)
	}
	c.roots = [3]Hash{MerkleRoot(leaves), MerkleRoot(formers), MerkleRoot(series)}
	return c
}

// BatchTips returns the tips of all series that have one, ascending by key and
// epoch.
func (s *State) BatchTips() []SeriesTip {
	list := make([]SeriesTip, 0, s.tips.by.Len())
	for series, t := range s.tips.by.All() {
		list = append(list, SeriesTip{series, *t})
	}
	return list
}

// plainOrgAt is what OrgAt has to find.
func plainOrgAt(s *State, past []*Past, id Hash, height uint64) (*Org, bool) {
	o, ok := s.Org(id)
	for _, p := range slices.Backward(past) {
		if p.Org.ID == id && p.Until > height {
			o = p.Org
		}
	}
	return o, ok && height >= o.Height
}
