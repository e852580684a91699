package p2p

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/mailstore/wake"
)

// roster holds the connected peers.
type roster struct {
	mu   sync.Mutex
	byID map[peer.ID]*remote
	subs wake.Listeners
	// claims is since when members have said that they have blocks which this node lacks, without
	// having given one. Coming back does not make a claim younger.
	claims map[peer.ID]time.Time
}

// remote is a connected peer. Fields below mu are guarded by the roster's mutex.
type remote struct {
	id      peer.ID
	key     consensus.Key
	inbound bool
	since   time.Time
	ctx     context.Context // ends when the peer has gone
	cancel  context.CancelFunc
	kick    chan struct{} // tell it our status now
	greeted chan struct{} // closed when its first status has come

	status   *status        // latest; nil until greeted
	wanted   consensus.Hash // it announced this block, which we could not take
	poolDue  bool           // our mempools should be made equal
	quiet    time.Time      // not asked for blocks before then
	failures int            // turns as source of blocks that led nowhere, since one that made us level
	asked    time.Time      // end of its latest turn
	told     *toldTime      // what its clock said last
	pace     float64        // new blocks a second in its latest turn
	gave     time.Time      // when it last gave a block that this node lacked
}

// patient is how many failures a new tip makes up for: what a peer says of its tip costs it
// nothing.
const patient = 3

func newRoster() *roster {
	return &roster{byID: make(map[peer.ID]*remote), claims: make(map[peer.ID]time.Time)}
}

// meet returns the entry of a peer; made reports that it is new.
func (r *roster) meet(ctx context.Context, id peer.ID, inbound bool) (p *remote, made bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.byID[id]; p != nil {
		return p, false
	}
	key, _ := nodeKey(id)
	p = &remote{id: id, key: key, inbound: inbound, since: time.Now(), poolDue: true,
		kick: make(chan struct{}, 1), greeted: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ctx)
	r.byID[id] = p
	return p, true
}

// drop forgets a peer that has gone.
func (r *roster) drop(id peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.byID[id]; p != nil {
		p.cancel()
		delete(r.byID, id)
		r.subs.Wake()
	}
}

// heard notes what a peer told of itself.
func (r *roster) heard(p *remote, s *status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.status == nil {
		close(p.greeted)
		p.status = s
		r.subs.Wake()
		return
	}
	if p.status.Tip != s.Tip && p.failures < patient {
		p.quiet = time.Time{}
	}
	p.status = s
}

// want notes that a peer has a block that this node lacks.
func (r *roster) want(id peer.ID, block consensus.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.byID[id]; p != nil {
		p.wanted = block
	}
}

// settle notes how a peer's turn as source of blocks ended: whether we are level now, and else
// whether it has moved us on; and at which pace it gave new blocks, 0 if it gave none. One that led
// nowhere is left alone for a while, ever longer. To be level without having given a block costs a
// peer nothing, and makes up for nothing: it need only take back what it said.
func (r *roster) settle(p *remote, level, moved bool, pace float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.wanted, p.asked = consensus.Hash{}, time.Now()
	p.pace = pace
	if level {
		delete(r.claims, p.id)
	}
	if level && pace > 0 {
		p.failures, p.quiet = 0, time.Time{}
	}
	if level || moved {
		return
	}
	p.failures = min(p.failures+1, 6)
	p.quiet = time.Now().Add(time.Second << (p.failures - 1))
}

// claim returns since when a member has claimed blocks of which it has given none.
func (r *roster) claim(id peer.ID, now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, ok := r.claims[id]
	if !ok {
		since = now
		r.claims[id] = since
	}
	return since
}

// gave notes that a peer has given a block that this node lacked.
func (r *roster) gave(id peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.claims, id)
	if p := r.byID[id]; p != nil {
		p.gave = time.Now()
	}
}

// duePool marks all peers for an exchange of mempools.
func (r *roster) duePool() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.byID {
		p.poolDue = true
	}
}

// takePool reports whether an exchange is due with a peer, and clears the mark.
func (r *roster) takePool(p *remote) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := p.poolDue
	p.poolDue = false
	return due
}

// markPool marks one peer for an exchange of mempools.
func (r *roster) markPool(p *remote) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.poolDue = true
}

// standing is a copy of what is known of a greeted peer.
type standing struct {
	*remote
	status   status
	wanted   consensus.Hash
	quiet    time.Time
	failures int
	asked    time.Time
	pace     float64
	told     *toldTime
	gave     time.Time
}

func standingOf(p *remote) standing {
	return standing{remote: p, status: *p.status, wanted: p.wanted, quiet: p.quiet, failures: p.failures, asked: p.asked, pace: p.pace, told: p.told, gave: p.gave}
}

// greeted returns the peers that have told their status.
func (r *roster) greeted() []standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]standing, 0, len(r.byID))
	for _, p := range r.byID {
		if p.status != nil {
			list = append(list, standingOf(p))
		}
	}
	return list
}

// standing returns what is known of one peer; false until it has told its status.
func (r *roster) standing(p *remote) (standing, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.status == nil {
		return standing{}, false
	}
	return standingOf(p), true
}

// dialed returns how many peers are connected that this node dialed.
func (r *roster) dialed() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.byID {
		if !p.inbound {
			n++
		}
	}
	return n
}

// Subscribe returns a channel that receives after a peer has been greeted, has gone, or may speak
// for its node again or no longer. It means "look again" and carries nothing. cancel ends the
// subscription and may be called twice.
func (h *Host) Subscribe() (woken <-chan struct{}, cancel func()) { return h.roster.subs.Subscribe() }

// Peer is a connected node of this chain, as it has last described itself.
type Peer struct {
	Node    consensus.Key  `json:"node"`
	ID      string         `json:"id"`    // libp2p peer id
	Addrs   []string       `json:"addrs"` // full multiaddresses, of the open connections
	Inbound bool           `json:"inbound"`
	Since   time.Time      `json:"since"`
	Height  uint64         `json:"height"`
	Tip     consensus.Hash `json:"tip"`
	Checked bool           `json:"checked"` // this node has the header of that tip, or a chain with no less work
	Silent  bool           `json:"silent"`  // no process of the node that is connected may speak for it
}

// Peers returns the connected nodes that have been greeted, in no particular order.
func (h *Host) Peers() []Peer {
	var list []Peer
	for _, p := range h.roster.greeted() {
		info := peer.AddrInfo{ID: p.id}
		for _, c := range h.host.Network().ConnsToPeer(p.id) {
			info.Addrs = append(info.Addrs, c.RemoteMultiaddr())
		}
		list = append(list, Peer{Node: p.key, ID: p.id.String(), Addrs: fullAddrs(info), Inbound: p.inbound, Since: p.since,
			Height: p.status.Height, Tip: p.status.Tip, Checked: !h.behind(p), Silent: h.isSilent(p.id)})
	}
	return list
}
