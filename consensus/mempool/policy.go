package mempool

import (
	"errors"

	"cairn/consensus"
)

// Policy limits what a Pool keeps. It is this node's choice: none of it decides
// whether a block is valid.
type Policy struct {
	MaxBytes    int // of all batches, with an allowance for each; the org with most gives way
	PerKey      int // batches of a key beyond the chain, in all its series together
	MaxEvents   int // org events waiting; more are refused
	OrgEvents   int // of these, of one organisation
	MaxUrgent   int // revocations and suspensions waiting; the org with most gives way
	MaxEvidence int // recorder keys of which two batches with one number are kept, one for each organisation
	Rejects     int // invalid items remembered, so that their signatures are not verified again
	PerKeyOpen  int // series of a key that the chain does not have yet
}

// DefaultPolicy returns the limits that nodes use.
func DefaultPolicy() Policy {
	return Policy{
		MaxBytes:    64 << 20,
		PerKey:      consensus.MaxBatchesPerKey,
		MaxEvents:   256,
		OrgEvents:   8,
		MaxUrgent:   1024,
		MaxEvidence: 1024,
		Rejects:     4096,
		PerKeyOpen:  2,
	}
}

// PinCheck returns an error if domain is pinned to another organisation than that
// with orgKey, s being the state after the chain's tip.
// Enrolments that it refuses are neither relayed nor mined by this node; if
// another node mines them, they are valid. It may be called from any goroutine.
type PinCheck func(s *consensus.State, domain string, orgKey consensus.Key) error

// PolicyError says why this node does not want something that breaks no rule.
// Whoever sent it is not at fault.
type PolicyError struct {
	Policy string // stable short code, one of the Policy constants
	Detail string // for people
}

// Error returns the code and the detail.
func (e *PolicyError) Error() string { return e.Policy + ": " + e.Detail }

// Codes of PolicyError.
const (
	PolicyFull      = "pool-full"           // and this org has most in it already
	PolicyOldSeq    = "old-seq"             // the chain has a batch with that number of that key
	PolicyConflict  = "batch-conflict"      // another batch with that number, or another chain of batches, came first
	PolicyEpochs    = "too-many-epochs"     // PerKeyOpen series of that key wait for the chain to take them
	PolicyPinned    = "domain-pinned"       // PinCheck refused
	PolicyClaimed   = "key-claimed"         // it contradicts a waiting event, as when that enrols one of the keys
	PolicyEvents    = "too-many-events"     // MaxEvents, or MaxUrgent, are waiting
	PolicyOrgEvents = "organisation-events" // OrgEvents of that organisation are waiting, or a revocation is
)

var (
	// ErrKnown: it is in the pool, or in the chain, already.
	ErrKnown = errors.New("known already")
	// ErrTooFar: the batch's number is too far ahead of the chain's last batch of
	// its series, or batches that come sooner take the place. It can be offered again
	// when the chain has caught up.
	ErrTooFar = errors.New("the batch's number is too far ahead of the chain: offer it again later")
)
