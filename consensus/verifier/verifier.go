package verifier

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// patience is how many blocks a record may take to get into one.
const patience = 100

// Chain is the part of the chain manager the verifier follows.
type Chain interface {
	State() *consensus.State
	UpdatesSince(since chain.Index, max int) (reverted, applied []chain.Update, err error)
	Subscribe() (wake <-chan struct{}, cancel func())
}

// Verifier judges arrivals and keeps their verdicts true to the chain. It is
// the only writer of its space in the mail store and safe for concurrent use.
type Verifier struct {
	store  *mailstore.Store
	chain  Chain
	trust  *Trust
	policy Policy
	log    *slog.Logger
}

// New returns a verifier over store and ch. Verdicts follow the chain while
// Run runs.
func New(store *mailstore.Store, ch Chain, trust *Trust, policy Policy, log *slog.Logger) *Verifier {
	return &Verifier{store: store, chain: ch, trust: trust, policy: policy, log: log}
}

// Arrival is a message as it came in, below this node's own trace fields.
type Arrival struct {
	Raw        []byte
	Recipients []string       // envelope recipients
	Courier    *consensus.Key // key of the node that brought it; nil: not known
}

// Inspect judges raw against the chain as far as it has been followed, and
// changes nothing. Without recipients, those that the record names are taken
// as right.
func (v *Verifier) Inspect(ctx context.Context, raw []byte, recipients []string) (*Finding, error) {
	f, _, err := v.inspect(ctx, raw, recipients)
	return f, err
}

// inspect is Inspect with the token at hand, nil without a sound one.
func (v *Verifier) inspect(ctx context.Context, raw []byte, recipients []string) (*Finding, *record.Token, error) {
	f, token := v.examine(ctx, raw, recipients)
	if token == nil {
		f.judge()
		return f, nil, nil
	}
	err := v.store.View(func(rd *mailstore.Reader) error {
		p, err := placeOf(rd.Space(space), f.Recorder, f.Seq)
		f.place(p)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look the record up: %w", err)
	}
	f.judge()
	return f, token, nil
}

// examine finds out all that does not change while the message is stored,
// and what the state at the tip and the trust list say now.
func (v *Verifier) examine(ctx context.Context, raw []byte, recipients []string) (*Finding, *record.Token) {
	state := v.chain.State()
	f := &Finding{From: fromAddress(raw)}
	f.Domain = message.Domain(f.From)
	f.Facts.Threshold = v.policy.Threshold
	f.Facts.RecipientInRecord = true

	token, present, err := record.FindToken(raw)
	f.Facts.TokenPresent = present
	switch {
	case !present:
		if org, ok := v.trust.Speaker(ctx, state, f.Domain); ok {
			f.Facts.DeclaresAll = org.Records == consensus.RecordsAll
		}
		return f, nil
	case err != nil:
		f.Facts.TokenFault = err.Error()
		return f, nil
	case token.ChainID != state.ChainID():
		f.Facts.TokenFault = fmt.Sprintf("the token is of another network, %s", token.ChainID)
		return f, nil
	case !token.VerifySignature():
		f.Facts.TokenFault = "the token's path or signature is wrong: it was altered or made up"
		return f, nil
	}
	f.Record, f.Recorder, f.Seq, f.Micro = token.RecordID(), token.Recorder, token.Seq, token.Micro
	f.Root, f.Time = token.MicroRoot(), token.Record.Time
	f.Deadline = state.Height() + patience
	f.Facts.Comparison = record.Compare(token, message.Components(raw, recipients))
	if org, ok := state.OrgByRecorder(token.Recorder); ok {
		how, trusted := "", false
		if claims(org, f.Domain) {
			how, trusted = v.trust.Trusted(ctx, f.Domain, org.Key)
		}
		f.recordedBy(org, how, trusted)
	} else {
		f.Facts.TokenFault = "no organisation of this network has enrolled the key that signed the token"
	}
	return f, token
}

// fromAddress returns the first address of the From field, or "".
func fromAddress(raw []byte) string {
	if from := message.Parse(raw).From; len(from) > 0 {
		return from[0].Addr
	}
	return ""
}

func claims(org *consensus.Org, domain string) bool {
	return slices.Contains(org.Domains, domain)
}

// recordedBy notes who enrolled the key that signed the token.
func (f *Finding) recordedBy(org *consensus.Org, how string, trusted bool) {
	f.Org = org.ID
	f.Facts.TokenValid, f.Facts.TokenFault = true, ""
	f.Facts.Recorder = org.Name
	f.Facts.Threshold = max(f.Facts.Threshold, int(org.ThresholdFloor))
	f.Facts.FromDomainIsOrg = claims(org, f.Domain)
	f.Facts.OrgTrusted = f.Facts.FromDomainIsOrg && trusted
	f.TrustedBy = ""
	if f.Facts.OrgTrusted {
		f.TrustedBy = how
	}
}

// place notes where the record's batch stands; nil: in no block.
func (f *Finding) place(p *placement) {
	f.Block = chain.Index{}
	switch {
	case p == nil:
		f.Facts.Inclusion = record.InclusionNone
	case int(f.Micro) < len(p.micros) && p.micros[f.Micro] == f.Root:
		f.Facts.Inclusion = record.InclusionIncluded
		f.Block = p.block
	default:
		f.Facts.Inclusion = record.InclusionConflict
	}
}

// expire notes that the record's time to get into a block is over.
func (f *Finding) expire() {
	switch f.Facts.Inclusion {
	case record.InclusionNone, record.InclusionPending:
		f.Facts.Inclusion = record.InclusionExpired
	}
}
