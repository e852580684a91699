package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/membership"
	"cairn/node/p2p"
)

// ChainStatus tells the state of the chain here.
func (n *Node) ChainStatus(context.Context) (*api.ChainStatus, error) {
	s := n.chain.State()
	p := s.Params()
	pool := n.pool.Stats()
	_, best, syncing := n.host.Progress()
	st := &api.ChainStatus{
		Params: p.Version, Attesters: p.Attesters, Network: p.Name, ChainID: s.ChainID().String(), Genesis: s.GenesisID().String(),
		Height: s.Height(), Tip: s.Tip().String(), TipTime: unixMilli(s.Time()),
		BlockInterval: p.BlockInterval.Seconds(), Work: s.Work().String(),
		NextBits: fmt.Sprintf("%08x", s.NextBits()), Orgs: s.OrgCount(),
		Mempool: api.Mempool{Events: pool.Events, Batches: pool.Batches, Bytes: pool.Bytes},
		Mining:  n.cfg.Mine, Syncing: syncing,
	}
	if n.cfg.MiningShare() > 0 {
		st.MiningWaits, st.MiningNext = n.miningWaits(s)
	}
	if syncing {
		st.SyncTarget = best
	}
	return st, nil
}

// Block returns one block of the best chain.
func (n *Node) Block(_ context.Context, which string) (*api.Block, error) {
	id, err := n.blockID(which)
	if err != nil {
		return nil, err
	}
	b, err := n.chain.Block(id)
	if err != nil {
		return nil, api.Errorf(api.CodeNotFound, "cairn chain status", "no block %s is stored here", which)
	}
	s := n.chain.State()
	h := &b.Header.Header
	v := &api.Block{
		Height: h.Height, ID: id.String(), Previous: h.Prev.String(), Time: unixMilli(h.Time),
		Bits: fmt.Sprintf("%08x", h.Bits), Nonce: h.Nonce,
		BodyRoot: h.BodyRoot.String(), StateRoot: h.StateRoot.String(),
		Miner: h.Miner.String(), MinerOrg: orgName(s, h.Miner),
		Confirmations: s.Height() - min(s.Height(), h.Height), Size: len(b.Encode()),
		Events: []api.BlockEvent{}, Batches: []api.BlockBatch{},
	}
	for i := range b.Events {
		e := &b.Events[i]
		key, domains := e.Claims()
		view := api.BlockEvent{ID: e.ID().String(), Type: e.Type().String(), Domains: domains, Key: key.String()}
		if org, ok := s.Org(e.Org()); ok {
			view.Name = org.Name
		}
		v.Events = append(v.Events, view)
	}
	for i := range b.Batches {
		batch := &b.Batches[i]
		epoch := ""
		if batch.Epoch != 0 {
			epoch = strconv.FormatUint(batch.Epoch, 10)
		}
		v.Batches = append(v.Batches, api.BlockBatch{
			ID: batch.ID().String(), Recorder: batch.Recorder.String(), Org: orgName(s, batch.Recorder),
			Epoch: epoch, Seq: batch.Seq, Time: unixMilli(batch.Time), Micros: len(batch.Micros), Records: batch.Records(),
		})
	}
	return v, nil
}

func (n *Node) blockID(which string) (consensus.Hash, error) {
	if which == "tip" || which == "" {
		return n.chain.Tip().ID, nil
	}
	if len(which) == 64 {
		if id, err := consensus.ParseHash(strings.ToLower(which)); err == nil {
			return id, nil
		}
	}
	height, err := strconv.ParseUint(which, 10, 64)
	if err != nil {
		return consensus.Hash{}, api.Errorf(api.CodeInvalid, "cairn chain block tip", "%q is neither a height nor a block ID of 64 hex digits", which)
	}
	at, ok := n.chain.IndexAt(height)
	if !ok {
		return consensus.Hash{}, api.Errorf(api.CodeNotFound, "cairn chain status", "the chain has no block %d yet; its tip is at %d", height, n.chain.Tip().Height)
	}
	return at.ID, nil
}

// Peers lists the connected nodes.
func (n *Node) Peers(context.Context) (*api.PeerList, error) {
	s := n.chain.State()
	list := &api.PeerList{Peers: []api.Peer{}}
	for _, p := range n.host.Peers() {
		v := api.Peer{ID: p.ID, Height: p.Height, Checked: p.Checked}
		if len(p.Addrs) > 0 {
			v.Address = p.Addrs[0]
		}
		if org, ok := s.OrgByNode(p.Node); ok {
			v.Org = org.Name
			_, active := s.ActiveNode(p.Node)
			v.Ended = !active
		}
		list.Peers = append(list.Peers, v)
	}
	return list, nil
}

// connectTimeout bounds an attempt to reach a peer by hand.
const connectTimeout = 10 * time.Second

// apartNext is what to do about a node that is no peer of this one.
func (n *Node) apartNext(why error, address string) (code api.Code, hint string) {
	apart, left := errors.AsType[*p2p.Apart](why)
	switch {
	case errors.Is(why, p2p.ErrSelf):
		code, hint = api.CodeInvalid, `copy an address that "cairn status" shows on the other node`
	case errors.Is(why, p2p.ErrOtherNetwork), errors.Is(why, p2p.ErrNoGreeting):
		code, hint = api.CodeNotAllowed, "compare the ID of the chain with the other node's; ours is shown by: cairn chain status"
	case errors.Is(why, p2p.ErrOtherVersion):
		code, hint = api.CodeNotAllowed, "use the same version of cairn on both nodes; this one's is shown by: cairn status"
	case left:
		code, hint = api.CodeTryLater, "it is left alone until "+apart.Until.UTC().Format(time.TimeOnly+" UTC")+", then run: cairn peers connect "+address
	default:
		code, hint = api.CodeTryLater, "look on the other node with cairn status whether it runs"
	}
	return code, hint
}

// Connect dials a peer, and waits until each has greeted the other.
func (n *Node) Connect(ctx context.Context, address string) (*api.Peer, error) {
	if err := membership.CheckPeerAddress(address); err != nil {
		return nil, api.Errorf(api.CodeInvalid, `copy an address that "cairn status" shows on the other node`, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := n.host.Connect(ctx, address); err != nil {
		code, hint := n.apartNext(err, address)
		return nil, api.Errorf(code, hint, "connecting to %s: %v", address, err)
	}
	id := address[strings.LastIndexByte(address, '/')+1:]
	return &api.Peer{ID: id, Address: address}, nil
}
