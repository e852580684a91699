package verifier

import (
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Config is what a verdict depends on beside the mail, the chain and the trust list.
type Config struct {
	// Threshold is the administrator's least share, in per cent, of a changed message; 0:
	// record.DefaultThreshold.
	Threshold int
	// Context is what the administrator knows about the way of mail to here; its Forwarder is nil.
	Context record.Context
	// Own is this node's organisation: mail from outside that claims one of its domains has its
	// record, or is missing it.
	Own Own
	// Forwarders knows who sends mail on to the accounts; nil: nobody does.
	Forwarders Forwarders
	// Now is the clock; nil: the machine's. While Distrust says that it is known to be wrong (nil:
	// it never is), nothing is too old by it.
	Now      func() time.Time
	Distrust func() bool
}

func (c Config) withClock() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Distrust == nil {
		c.Distrust = func() bool { return false }
	}
	return c
}

// Own names this node's organisation.
type Own struct {
	Key     consensus.Key // an org key that it has or had
	Domains []string      // while no block has it: A-labels, lower case
}

// Filer keeps stored mail where its verdict sends it. Its methods run within the transaction that
// they are given and must be quick.
type Filer interface {
	// Refile lets the labels of a message follow its finding.
	Refile(tx *mailstore.Tx, ref mailstore.Ref, was, now *Finding) error
	// Forget drops what is kept to do so, of a message that is gone.
	Forget(tx *mailstore.Tx, ref mailstore.Ref) error
}

// SettingThreshold is the account's setting with its own threshold: digits, in per cent.
const SettingThreshold = "threshold"
