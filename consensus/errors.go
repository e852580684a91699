package consensus

import (
	"errors"
	"fmt"
)

// RuleError says that a value breaks a rule of the network. It is a proof of
// badness: whoever sent the value is at fault, at least against the state it
// was checked with. Find it with errors.As.
type RuleError struct {
	Rule   string // stable short code, one of the Rule constants
	Detail string // what was found and what was expected, for people
}

// Error returns the code and the detail.
func (e *RuleError) Error() string { return e.Rule + ": " + e.Detail }

// OfState reports whether the rule depends on the state that the value was checked with: a node
// that is behind must not hold it against who sent the value.
func (e *RuleError) OfState() bool {
	switch e.Rule {
	case RuleUnknownRecorder, RuleBatchPrev, RuleEpoch, RuleDuplicateKey, RuleUnknownOrg, RuleEventPrev, RuleEventSigner, RuleUnknownNode, RuleNodeCount, RuleUnattested:
		return true
	}
	return false
}

// OfBlock reports whether the rule is about what a block may hold in all: an event that broke it
// with those before it may stand in another block.
func (e *RuleError) OfBlock() bool { return e.Rule == RuleEventCount || e.Rule == RuleHistory }

func broken(rule, format string, args ...any) error {
	return &RuleError{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

// ErrFuture is wrapped by the error of CheckClock when a header's time is too
// far ahead of the wall clock. The block may be valid later: queue it, and
// never hold it against its sender.
var ErrFuture = errors.New("block time is in the future")

// Codes of broken rules. They are part of the protocol's documentation and
// appear in logs and counters, so they never change their meaning.
const (
	RuleEncoding = "bad-encoding" // bytes that are not the one encoding of a value

	// Parameters and genesis.
	RuleParams  = "bad-params"
	RuleGenesis = "bad-genesis"

	// Any signed value.
	RuleVersion = "bad-version"
	RuleFlags   = "bad-flags"
	RuleChain   = "wrong-chain"

	// Header.
	RuleHeight          = "bad-height"
	RulePrev            = "bad-prev"
	RuleBits            = "bad-bits"
	RulePow             = "bad-pow"
	RuleTimeTooOld      = "time-too-old"
	RuleUnknownMiner    = "unknown-miner"
	RuleHeaderSignature = "bad-header-signature"

	// Body.
	RuleBodySize   = "body-too-large"
	RuleBodyRoot   = "bad-body-root"
	RuleStateRoot  = "bad-state-root"
	RuleBatchOrder = "bad-batch-order"
	RuleBatchCount = "too-many-batches"

	// Event.
	RuleEventType      = "bad-event-type"
	RuleName           = "bad-name"
	RuleDomains        = "bad-domains"
	RuleNodes          = "bad-nodes"
	RuleRecords        = "bad-records-policy"
	RuleThreshold      = "bad-threshold"
	RuleDuplicateKey   = "duplicate-key"
	RulePossession     = "bad-possession"
	RuleIdentityStamp  = "low-identity-stamp"
	RuleEventSignature = "bad-event-signature"

	// Event, under version 2.
	RuleUnknownOrg  = "unknown-organisation"
	RuleEventPrev   = "bad-event-prev"
	RuleEventSigner = "bad-event-signer"
	RuleEventStamp  = "low-event-stamp"
	RuleWeakKey     = "weak-key"
	RuleUnknownNode = "unknown-node"
	RuleNodeCount   = "bad-node-count"
	RuleRecovery    = "bad-recovery"
	RuleEvidence    = "bad-evidence"
	RuleAttestation = "bad-attestation"
	RuleUnattested  = "not-attested"
	RuleEventCount  = "too-many-events"
	RuleHistory     = "history-too-large"

	// Batch.
	RuleUnknownRecorder = "unknown-recorder"
	RuleBatchSeq        = "bad-batch-seq"
	RuleBatchPrev       = "bad-batch-prev"
	RuleBatchTime       = "bad-batch-time"
	RuleEpoch           = "bad-epoch"
	RuleMicros          = "bad-micros"
	RuleBatchRoot       = "bad-batch-root"
	RuleBatchStamp      = "low-batch-stamp"
	RuleBatchSignature  = "bad-batch-signature"
)
