package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/mailstore"
)

const (
	// patience is how many blocks a record may take to get into one.
	patience = 100
	// lateFor is for how many more it is awaited where batches have no order in time.
	lateFor = 2016 - patience
	// near is how far ahead of the chain the number of a batch may be that mempools take, or that
	// its signer still fills behind those.
	near = consensus.MaxBatchesPerKey + 1
)

// Chain is the part of the chain manager the verifier follows.
type Chain interface {
	State() *consensus.State
	UpdatesSince(since chain.Index, most int) (reverted, applied []chain.Update, err error)
	Subscribe() (wake <-chan struct{}, cancel func())
}

// Verifier judges arrivals and keeps their verdicts true to the chain. It is
// the only writer of its space in the mail store and safe for concurrent use.
type Verifier struct {
	store *mailstore.Store
	chain Chain
	trust *Trust
	now   atomic.Pointer[Config] // see cfg
	filer Filer
	log   *slog.Logger

	proven record.Proven // signatures of arrivals that were right

	retrusting sync.Mutex // held while one step of Retrust asks and revises
	following  sync.Mutex // held while verdicts are revised; taken after retrusting

	placesDamaged atomic.Bool // perhaps it cannot be read where some batch stands
	journalTold   atomic.Bool // that the store's journal is damaged

	// waiting is by which time of the tip findings that were lost are tried again, until when they
	// stay due; kept while following is held. A start tries all.
	waiting map[mailstore.Ref]uint64

	unsettled atomic.Bool // there may be mail that a change of trust concerns and Retrust has not looked at
}

// New returns a verifier over store and ch. Verdicts follow the chain while
// Run runs.
func New(store *mailstore.Store, ch Chain, trust *Trust, cfg Config, filer Filer, log *slog.Logger) *Verifier {
	v := &Verifier{store: store, chain: ch, trust: trust, filer: filer, log: log, waiting: make(map[mailstore.Ref]uint64)}
	cfg = cfg.withClock()
	v.now.Store(&cfg)
	v.unsettled.Store(true)
	v.placesDamaged.Store(true) // for all that is known: the first Follow looks
	return v
}

// cfg is the configuration as it is now.
func (v *Verifier) cfg() Config { return *v.now.Load() }

// SetPolicy changes the administrator's threshold and what is known about the way of mail, as in
// Config. They count for mail that is judged from now on; what was found before stays.
func (v *Verifier) SetPolicy(threshold int, way record.Context) {
	cfg := v.cfg()
	cfg.Threshold, cfg.Context = threshold, way
	v.now.Store(&cfg)
}

// Arrival is a message as it came in, below this node's own trace fields.
type Arrival struct {
	Raw        []byte
	Sender     string         // envelope sender; empty: none
	Recipients []string       // envelope recipients
	Courier    *consensus.Key // key of the node that brought it; nil: not known
	Received   time.Time      // when it came
	Local      bool           // this node brought it itself, as what one account sends to another
	Unrecorded string         // why this node did so before it could record it
}

// Inspect judges raw against the chain as far as it has been followed, and
// changes nothing. It is no arrival: nothing is too old, and what has no token
// and claims a domain of our own may be ours. Without recipients, those that
// the record names are taken as right.
func (v *Verifier) Inspect(ctx context.Context, raw []byte, recipients []string) (*Finding, error) {
	state := v.chain.State()
	m := v.open(raw)
	f, _, err := v.examine(ctx, state, m, recipients, nil)
	if err != nil {
		return nil, err
	}
	if f.Facts.TokenPresent {
		f.Facts.OwnDomain = v.cfg().Own.claimed(f, m.header, "", state, nil)
	}
	f.judge()
	return f, nil
}

// examine finds out all that does not change while the message is stored,
// and what state, the one at the tip, and the trust list say now. courier is
// the organisation whose node brought it, nil if that is not known. token is
// nil without a sound one.
func (v *Verifier) examine(ctx context.Context, state *consensus.State, m *opened, recipients []string, courier *consensus.Org) (f *Finding, token *record.Token, err error) {
	f = &Finding{From: m.header.From, Domains: m.header.Domains}
	f.Facts.SetFrom(f.From)
	f.Facts.SetThreshold(v.cfg().Threshold, 0)
	f.Facts.RecipientInRecord = true

	if len(m.tokens) > 0 {
		token = m.tokens[0]
	}
	f.Facts.TokenPresent = m.present
	f.Facts.TokenUnknown = errors.Is(m.fault, record.ErrTokenVersion) || token != nil && token.Record.Epoch != 0 && !state.Params().HasEpochs()
	if !m.present || f.Facts.TokenUnknown {
		if f.Facts.TokenUnknown {
			f.Facts.TokenFault = laterVersion
		}
		f.declares(declared(state, f.Domains, courier, v.trust.asker(ctx, state)))
		if f.Asked = f.Unanswered; f.Asked && courier != nil {
			f.Courier = courier.ID
		}
		return f, nil, nil
	}
	var of hashed
	fault := m.fault
	if fault == nil {
		of = hash(token)
		fault = v.refuse(f, of, state)
	}
	if fault != nil {
		f.Facts.TokenFault, f.Facts.TokenUnsound = fault.Error(), true
		return f, nil, nil
	}
	if err := v.find(f, of, state); err != nil {
		return nil, nil, err
	}
	org, ok := f.recordingOrg(state)
	with := v.cfg().Context
	with.Stranger = !ok // anybody can make such a record; what is found counts once the key is enrolled
	f.Facts.SetRecord(token, record.Compare(token, record.Arrived(m.raw, m.tokens, recipients), with))
	if !f.Facts.RecipientInRecord {
		f.Facts.RecordedFor = v.cfg().Own.at(state).others(token.Named(m.header.To))
	}
	if !ok {
		f.recordedByNobody(state, v.cfg())
		return f, token, nil
	}
	f.Facts.OwnCourier = courier != nil && courier.ID == org.ID
	f.recordedBy(org, v.wordOf(ctx, state, f, org), v.cfg())
	return f, token, nil
}

// hashed is a token with what its hashes come to, of which there are a few dozen.
type hashed struct {
	*record.Token
	id   consensus.Hash
	root consensus.MicroRoot
}

func hash(token *record.Token) hashed {
	id := token.RecordID()
	return hashed{Token: token, id: id, root: token.MicroRootFrom(id)}
}

// find notes which record a token is of, and where that stands.
func (v *Verifier) find(f *Finding, token hashed, state *consensus.State) error {
	f.Record, f.Recorder, f.Seq, f.Micro = token.id, token.Recorder, token.Seq, token.Micro
	f.Epoch, f.Root, f.Time = token.Record.Epoch, token.root, token.Record.Time
	f.Deadline = state.Height() + patience
	err := v.store.View(func(rd *mailstore.Reader) error { return v.locate(rd.Space(space), f) })
	if err != nil {
		return fmt.Errorf("look the record up: %w", err)
	}
	return nil
}

// locate is f.locate. Where the place of a batch is damaged, Follow mends that.
func (v *Verifier) locate(sp mailstore.SpaceReader, f *Finding) error {
	err := f.locate(sp)
	if errors.Is(err, mailstore.ErrDamaged) {
		v.placesDamaged.Store(true)
	}
	return err
}

// laterVersion is why a record counts as none: a token or record of another
// version, or of a recorder key with epochs in a network that has none. It is no
// fault of the mail's, so the mail is taken as if it had no record.
const laterVersion = "the record is of a version that this node does not know; it may run an older Cairn"

// refuse says what is wrong with a token, for good.
func (v *Verifier) refuse(f *Finding, token hashed, state *consensus.State) error {
	switch {
	case token.ChainID != state.ChainID():
		return fmt.Errorf("the token is of another network, %s", token.ChainID)
	case token.Record.Epoch == 0 && state.Params().HasEpochs():
		return errors.New("the record names no epoch of its recorder key, and in this network all do")
	case token.Record.Kind != record.KindMail:
		return fmt.Errorf("the record is one of %s, not of a mail", token.Record.Kind)
	case len(f.Domains) > maxDomains:
		return fmt.Errorf("the From field names %d domains; a record speaks for %d at most", len(f.Domains), maxDomains)
	case !v.proven.VerifySignature(token.Token, token.root):
		return errors.New("the token's path or signature is wrong: it was altered or made up")
	}
	return nil
}
