package membership

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// Standing is what the next event of an organisation goes by. Its methods that make events return
// an *api.Error with what to do about it where the network would refuse the event, as of a wrong
// key or one that comes too early, and the context's error when that ends before the stamp is
// found. Progress may be nil.
type Standing struct {
	params  *consensus.Params
	height  uint64                // of the tip
	org     *consensus.Org        // its entry there
	waiting []*consensus.OrgEvent // its events that wait for a block, in their order
}

// Progress is told now and then how long a stamp has been looked for and how long that takes on
// average.
type Progress = func(spent, expected time.Duration)

// NewStanding is what an organisation's next event goes by at a tip of that height, where it has
// the entry org, and these events of it wait for a block, in their order. None of it is copied, and
// nobody may change it.
func NewStanding(params *consensus.Params, height uint64, org *consensus.Org, waiting []*consensus.OrgEvent) *Standing {
	return &Standing{params: params, height: height, org: org, waiting: waiting}
}

// DecodeStanding reads what a node of the network answers. The error says which part is damaged; no
// signature is checked.
func DecodeStanding(g *consensus.Genesis, v *api.OrgStanding) (*Standing, error) {
	st := &Standing{params: &g.Params, height: v.Height}
	var err error
	if st.org, err = consensus.DecodeOrg(g.Network(), v.Entry); err != nil {
		return nil, fmt.Errorf("reading the organisation's entry: %w", err)
	}
	for _, b := range v.Waiting {
		e, err := consensus.DecodeEvent(b)
		if err != nil {
			return nil, fmt.Errorf("reading a waiting event: %w", err)
		}
		st.waiting = append(st.waiting, e)
	}
	return st, nil
}

// Height is that of the node's tip.
func (st *Standing) Height() uint64 { return st.height }

// Org is the organisation's entry there, not to be changed.
func (st *Standing) Org() *consensus.Org { return st.org }

// Waiting are the organisation's events that wait for a block, in their order; not to be changed.
func (st *Standing) Waiting() []*consensus.OrgEvent { return st.waiting }

// RotationAt is the height from which an org key counts that is brought now, at the earliest.
func (st *Standing) RotationAt(atOnce bool) uint64 {
	if atOnce {
		return st.height + 1
	}
	return st.height + 1 + st.params.RotationDelay()
}

// Key is the org key that signs the next event.
func (st *Standing) Key() consensus.Key { return st.org.KeyAt(st.height + 1) }

// Profile is what the organisation says of itself once its waiting events are in blocks.
func (st *Standing) Profile() *consensus.Update {
	for _, e := range slices.Backward(st.waiting) {
		if u, ok := e.Content.(*consensus.Update); ok {
			c := *u
			return &c
		}
	}
	return ProfileOf(st.org)
}

// settled refuses an event while one waits that changes who signs.
func (st *Standing) settled() error {
	for _, e := range st.waiting {
		if t := e.Type(); t == consensus.EventRotate || t == consensus.EventRevoke {
			return api.Errorf(api.CodeTryLater, "cairn status", "making the event: a %s waits for a block, and decides who signs the next event; one comes every %v on average", t, st.params.BlockInterval)
		}
	}
	return nil
}

// next is an event of the organisation behind those that wait, without content, for its key to
// sign.
func (st *Standing) next(keys []ed25519.PrivateKey) (*consensus.OrgEvent, ed25519.PrivateKey, error) {
	if err := st.settled(); err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(keys, func(k ed25519.PrivateKey) bool { return consensus.PublicKey(k) == st.Key() })
	switch {
	case len(keys) == 0:
		return nil, nil, api.Errorf(api.CodeNotFound, "put the organisation's key there for this command, and away again",
			"signing for the organisation: its key is not here as %s", home.OrgKey)
	case i < 0:
		return nil, nil, api.Errorf(api.CodeInvalid, "cairn org changes",
			"signing for the organisation: no key here is the organisation's, which is %s and belongs into %s", st.Key(), home.OrgKey)
	}
	return st.behind(st.Key()), keys[i], nil
}

// behind is an event of the organisation behind those that wait, without content, for that key to
// sign.
func (st *Standing) behind(signer consensus.Key) *consensus.OrgEvent {
	e := &consensus.OrgEvent{Version: st.params.Version, ChainID: st.params.ChainID(), Subject: st.org.ID, Prev: st.org.LastEvent, Signer: signer}
	if n := len(st.waiting); n > 0 {
		e.Prev = st.waiting[n-1].ID()
	}
	return e
}

// finish gives e its stamp and signature.
func (st *Standing) finish(ctx context.Context, e *consensus.OrgEvent, signer ed25519.PrivateKey, progress Progress) (*consensus.OrgEvent, error) {
	var ok bool
	if e.Stamp, ok = consensus.SolveEventStamp(StampStop(ctx, st.params.BatchStamp, progress), e, st.params.BatchStamp); !ok {
		return nil, fmt.Errorf("solving the event's stamp: %w", ctx.Err())
	}
	e.Sign(signer)
	return e, nil
}

// Update makes the event that changes what the organisation says of itself to u.
func (st *Standing) Update(ctx context.Context, keys []ed25519.PrivateKey, u *consensus.Update, progress Progress) (*consensus.OrgEvent, error) {
	switch {
	case !SameProfile(u, st.Profile()):
	case SameProfile(u, ProfileOf(st.org)):
		return nil, api.Errorf(api.CodeUnchanged, "cairn org show", "updating the organisation: it is as that says already")
	default:
		return nil, api.Errorf(api.CodeUnchanged, "cairn status",
			"updating the organisation: an update that waits for a block says that already; one comes every %v on average", st.params.BlockInterval)
	}
	return st.signed(ctx, keys, u, progress)
}

// signed makes an event with a content that needs nothing of the event.
func (st *Standing) signed(ctx context.Context, keys []ed25519.PrivateKey, c consensus.Content, progress Progress) (*consensus.OrgEvent, error) {
	e, key, err := st.next(keys)
	if err != nil {
		return nil, err
	}
	e.Content = c
	return st.finish(ctx, e, key, progress)
}

// AddNode makes the event that takes the node of a request in.
func (st *Standing) AddNode(ctx context.Context, keys []ed25519.PrivateKey, r *NodeRequest, progress Progress) (*consensus.OrgEvent, error) {
	switch {
	case r.ChainID != st.params.ChainID():
		return nil, api.Errorf(api.CodeInvalid, "make the request anew with an invite of this network: cairn org invite",
			"adding the node: its request is for chain %v, this network's is %v", r.ChainID, st.params.ChainID())
	case slices.ContainsFunc(st.org.Nodes, func(n consensus.OrgNode) bool { return n.Node == r.Keys.Node && n.End != consensus.NodeActive }) && activeOf(st.org, r.Keys.Node) == nil:
		return nil, api.Errorf(api.CodeInvalid, "make another one, with other keys, by an init in an empty directory of that machine, and its request there",
			"adding the node: it has ended, and its keys are never taken again")
	case r.OrgKey != st.Key():
		return nil, api.Errorf(api.CodeInvalid, "make the request anew with what this prints: cairn org invite",
			"adding the node: its request is for the organisation key %v, ours is %v now", r.OrgKey, st.Key())
	}
	return st.signed(ctx, keys, &consensus.AddNode{NodeKeys: r.Keys}, progress)
}

// DropNode makes the event that ends a node.
func (st *Standing) DropNode(ctx context.Context, keys []ed25519.PrivateKey, node consensus.Key, progress Progress) (*consensus.OrgEvent, error) {
	return st.signed(ctx, keys, &consensus.DropNode{Node: node}, progress)
}

// Replace makes the event with which a node gives itself another recorder key. Its own key signs.
func (st *Standing) Replace(ctx context.Context, node, recorder ed25519.PrivateKey, progress Progress) (*consensus.OrgEvent, error) {
	if err := st.mayReplace(consensus.PublicKey(node), consensus.PublicKey(recorder)); err != nil {
		return nil, err
	}
	e := st.behind(consensus.PublicKey(node))
	e.Content = consensus.NewReplace(e, recorder)
	return st.finish(ctx, e, node, progress)
}

// mayReplace refuses another recorder key that the network would refuse.
func (st *Standing) mayReplace(node, recorder consensus.Key) error {
	const replacing = "replacing the recorder key: "
	ended := uint64(0)
	for _, n := range st.org.Nodes {
		switch {
		case n.Node != node:
		case n.End != consensus.NodeActive:
			if ReplacedBy(st.org, &n) == nil { // a key that the node had before may have ended later than the node
				ended = n.Until
			}
		case n.Recorder == recorder: // it has it already
			return nil
		case st.height+1 < n.Since+consensus.EpochGap:
			return api.Errorf(api.CodeTryLater, "cairn chain status",
				replacing+"this node has its recorder key since block %d, and a block takes another one from %d on; the next one is %d, one comes every %v on average",
				n.Since, n.Since+consensus.EpochGap, st.height+1, st.params.BlockInterval)
		default:
			return st.replacesOnce(node, recorder)
		}
	}
	if ended > 0 {
		return api.Errorf(api.CodeNotAllowed, "cairn org node ls", replacing+"this node ended in block %d; make another one in an empty directory and add that", ended)
	}
	return api.Errorf(api.CodeNotFound, "cairn org node ls", replacing+"%s is no node of the organisation on the chain, as when it was not added yet or ended long ago", node)
}

// replacesOnce refuses a second recorder key while one waits.
func (st *Standing) replacesOnce(node, recorder consensus.Key) error {
	for _, e := range st.waiting {
		if r := ContentOf[*consensus.Replace](e); r != nil && e.Signer == node && r.Recorder != recorder {
			return api.Errorf(api.CodeTryLater, "cairn status", "replacing the recorder key: another one waits for a block already, %s", r.Recorder)
		}
	}
	return nil
}

// Rotate makes the event that puts key in the place of the org key: after a day, or at once with
// the recovery key, which may be nil.
func (st *Standing) Rotate(ctx context.Context, keys []ed25519.PrivateKey, key, recovery ed25519.PrivateKey, progress Progress) (*consensus.OrgEvent, error) {
	if err := st.checkRecovery(recovery); err != nil {
		return nil, err
	}
	e, signer, err := st.next(keys)
	if err != nil {
		return nil, err
	}
	e.Content = consensus.NewRotate(e, key, recovery)
	return st.finish(ctx, e, signer, progress)
}

// Revoke makes the event with which the recovery key puts key in the place of the org key at once,
// ends nodes and names the next recovery key.
func (st *Standing) Revoke(ctx context.Context, recovery, key, nextRecovery ed25519.PrivateKey, nodes []consensus.Key, progress Progress) (*consensus.OrgEvent, error) {
	if recovery == nil {
		return nil, errors.New("revoking without a recovery key")
	}
	if err := st.checkRecovery(recovery); err != nil {
		return nil, err
	}
	if st.revocation() != nil {
		return nil, api.Errorf(api.CodeTryLater, "cairn status",
			"revoking: another revocation waits for a block already, after which its recovery key is the one that counts; one comes every %v on average", st.params.BlockInterval)
	}
	nodes = slices.SortedFunc(slices.Values(nodes), func(a, b consensus.Key) int { return slices.Compare(a[:], b[:]) })
	e := &consensus.OrgEvent{
		Version: st.params.Version, ChainID: st.params.ChainID(), Subject: st.org.ID, Signer: consensus.PublicKey(recovery),
	}
	e.Content = consensus.NewRevoke(e, key, consensus.RecoveryCommitment(consensus.PublicKey(nextRecovery)), slices.Compact(nodes)...)
	return st.finish(ctx, e, recovery, progress)
}

// Left is how many nodes of the organisation are left when these have ended.
func (st *Standing) Left(ended []consensus.Key) (n int) {
	for _, node := range st.org.Nodes {
		if node.End == consensus.NodeActive && !slices.Contains(ended, node.Node) {
			n++
		}
	}
	return n
}

// revocation is the one that waits for a block; nil if none does.
func (st *Standing) revocation() *consensus.Revoke {
	for _, e := range st.waiting {
		if r := ContentOf[*consensus.Revoke](e); r != nil {
			return r
		}
	}
	return nil
}

func (st *Standing) checkRecovery(recovery ed25519.PrivateKey) error {
	switch waits := st.revocation(); {
	case recovery == nil:
	case waits != nil && consensus.RecoveryCommitment(consensus.PublicKey(recovery)) == waits.Recovery:
		return api.Errorf(api.CodeTryLater, "cairn status",
			"signing with the recovery key: it is that of a revocation which waits for a block, and counts once that is in one; one comes every %v on average", st.params.BlockInterval)
	case st.org.Recovery.IsZero():
		return api.Errorf(api.CodeNotAllowed, "without it a rotation counts after a day: cairn org rotate-key", "signing with the recovery key: the organisation has enrolled none")
	case consensus.RecoveryCommitment(consensus.PublicKey(recovery)) != st.org.Recovery:
		return api.Errorf(api.CodeInvalid, "find the file that was written last; each revocation makes another recovery key",
			"signing with the recovery key: it is not the one that the organisation has enrolled")
	}
	return nil
}
