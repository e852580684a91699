package consensus

import "cairn/consensus/sorted"

// tableOf makes the table of these organisations and former entries, which are in the order in
// which they ended. It returns an error if an organisation is there twice, or two have the same
// key.
func tableOf(orgs []*Org, past []*Past) (*members, error) {
	m := newMembers()
	owners := make(map[ownKey]*owner)
	own := func(o *Org) error {
		for _, k := range o.keys() {
			if by, taken := owners[k]; !taken {
				owners[k] = &owner{org: o.ID, key: k.key}
			} else if by.org != o.ID {
				return takenError(k)
			}
		}
		return nil
	}
	former := make(map[Hash]*history)
	for _, p := range past {
		if err := own(p.Org); err != nil {
			return nil, err
		}
		m.past = m.past.add(LeafHash(p.Encode()), p)
		former[p.Org.ID] = former[p.Org.ID].with(p)
	}
	byID := make(map[Hash]*Org, len(orgs))
	var claims []sorted.Entry[claim, struct{}]
	for _, o := range orgs {
		if byID[o.ID] != nil {
			return nil, broken(RuleDuplicateKey, "organisation %v is listed twice", o.ID)
		}
		if err := own(o); err != nil {
			return nil, err
		}
		byID[o.ID] = o
		m.living += living(o)
		for _, d := range o.Domains {
			claims = append(claims, sorted.Entry[claim, struct{}]{Key: claim{d, o.ID}})
		}
	}
	m.orgs, m.owners, m.former = m.orgs.Fill(entriesOf(byID)), m.owners.Fill(entriesOf(owners)), m.former.Fill(entriesOf(former))
	m.claims = m.claims.Fill(claims)
	leaves := make([]Hash, 0, len(orgs))
	for _, o := range m.orgs.All() {
		leaves = append(leaves, LeafHash(o.Encode()))
	}
	m.tree = merkleTable{}.splice(0, 0, leaves...)
	m.root = m.tree.root()
	return m, nil
}

// entriesOf are the entries of a Go map, in no order.
func entriesOf[K comparable, V any](m map[K]V) []sorted.Entry[K, V] {
	entries := make([]sorted.Entry[K, V], 0, len(m))
	for k, v := range m {
		entries = append(entries, sorted.Entry[K, V]{Key: k, Value: v})
	}
	return entries
}
