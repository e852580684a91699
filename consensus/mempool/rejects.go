package mempool

import (
	"crypto/sha256"

	"cairn/consensus"
)

// rejects remembers the latest items that can never become valid, by the
// SHA-256 of all their bytes: an id does not cover the signature, and what is
// wrong with one copy must not be held against another.
type rejects struct {
	max   int
	order []consensus.Hash // a ring once it is full
	next  int
	why   map[consensus.Hash]error
}

func digest(encoded []byte) consensus.Hash { return sha256.Sum256(encoded) }

func (r *rejects) get(d consensus.Hash) error { return r.why[d] }

func (r *rejects) add(d consensus.Hash, why error) {
	if r.max <= 0 || r.why[d] != nil {
		return
	}
	if r.why == nil {
		r.why = make(map[consensus.Hash]error)
	}
	if len(r.order) < r.max {
		r.order = append(r.order, d)
	} else {
		delete(r.why, r.order[r.next])
		r.order[r.next] = d
		r.next = (r.next + 1) % r.max
	}
	r.why[d] = why
}
