package verifier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

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

	following sync.Mutex // held while verdicts are revised
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
	f, _ := v.examine(ctx, v.chain.State(), raw, recipients, nil)
	err := v.store.View(func(rd *mailstore.Reader) error { return f.locate(rd.Space(space)) })
	if err != nil {
		return nil, fmt.Errorf("look the record up: %w", err)
	}
	f.judge()
	return f, nil
}

// examine finds out all that does not change while the message is stored,
// and what state, the one at the tip, and the trust list say now. courier is
// the organisation whose node brought it, nil if that is not known. token is
// nil without a sound one.
func (v *Verifier) examine(ctx context.Context, state *consensus.State, raw []byte, recipients []string, courier *consensus.Org) (f *Finding, token *record.Token) {
	f = new(Finding)
	f.From, f.Domains = authors(raw)
	f.Facts.Threshold = v.policy.threshold(nil)
	f.Facts.RecipientInRecord = true

	token, present, err := record.FindToken(raw)
	unknown := errors.Is(err, record.ErrTokenVersion) || err == nil && present && token.Record.Epoch != 0
	if unknown {
		f.Facts.TokenFault = laterVersion
	}
	f.Facts.TokenPresent = present && !unknown
	switch {
	case !f.Facts.TokenPresent:
		f.Facts.DeclaresAll = declared(state, f.Domains, courier, v.trust.asker(ctx))
		return f, nil
	case err != nil:
		f.Facts.TokenFault = err.Error()
		return f, nil
	case token.ChainID != state.ChainID():
		f.Facts.TokenFault = fmt.Sprintf("the token is of another network, %s", token.ChainID)
		return f, nil
	case token.Record.Kind != record.KindMail:
		f.Facts.TokenFault = fmt.Sprintf("the record is one of %s, not of a mail", token.Record.Kind)
		return f, nil
	case len(f.Domains) > maxDomains:
		f.Facts.TokenFault = fmt.Sprintf("the From field names %d domains; a record speaks for %d at most", len(f.Domains), maxDomains)
		return f, nil
	case !token.VerifySignature():
		f.Facts.TokenFault = "the token's path or signature is wrong: it was altered or made up"
		return f, nil
	}
	f.Record, f.Recorder, f.Seq, f.Micro = token.RecordID(), token.Recorder, token.Seq, token.Micro
	f.Root, f.Time = token.MicroRoot(), token.Record.Time
	f.Deadline = state.Height() + patience
	all, _ := record.Tokens(raw) // a fault further down is not this record's
	f.Facts.Comparison = record.Compare(token, record.Arrived(raw, all, recipients))
	org, ok := state.OrgByRecorder(token.Recorder)
	if !ok {
		f.recordedBy(nil, word{}, v.policy)
		return f, token
	}
	f.recordedBy(org, v.wordOf(ctx, state, f, org), v.policy)
	return f, token
}

// laterVersion is why a record counts as none: a token or record of another
// version, or of a recorder key with epochs, which nothing here knows yet. It
// is no fault of the mail's, so the mail is taken as if it had no record.
const laterVersion = "the record is of a version that this node does not know; it may run an older Cairn"

// authors returns the first address of From and the domains of all of them.
func authors(raw []byte) (first string, domains []string) {
	from := message.Parse(headerOf(raw)).From
	for _, a := range from {
		domains = append(domains, message.Domain(a.Addr))
	}
	slices.Sort(domains)
	if len(from) > 0 {
		first = from[0].Addr
	}
	return first, slices.Compact(domains)
}

// headerOf cuts off most of a body, which would only cost time to parse: what
// follows the first empty line is never header.
func headerOf(raw []byte) []byte {
	end := len(raw)
	for _, empty := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(raw[:end], []byte(empty)); i >= 0 {
			end = i + len(empty)
		}
	}
	return raw[:end]
}
