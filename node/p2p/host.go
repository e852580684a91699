package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"cairn/consensus"
	"cairn/mailstore/closing"
	"cairn/mailstore/logration"
)

// Host is this node as its peers see it. Make one with New, run it with Run. All methods may be
// called at once from many goroutines.
type Host struct {
	cfg     Config
	timing  timing
	log     *slog.Logger
	peerLog *peerLog
	chain   Chain
	pool    Pool

	params  consensus.Params
	chainID consensus.ChainID
	genesis consensus.Hash
	names   protocols

	priv      crypto.PrivKey
	self      consensus.Key
	host      host.Host
	gossip    *gossip
	gate      *gate
	book      *book
	dialer    *dialer
	roster    *roster
	future    *future
	instances *instances
	forgive   forgiven
	stats     *counters
	services  []*service
	bootstrap []peer.AddrInfo
	syncWake  chan struct{}
	syncing   syncState
	unread    logration.Trouble // of headers that could not be looked at
	unstored  logration.Trouble // of blocks

	ctx     context.Context
	cancel  context.CancelFunc
	running closing.Gate // goroutines that Close waits for
	ended   chan struct{}

	mail  sessions
	turns atomic.Uint32 // of connections to one node, see open
}

// New makes the host and opens its listeners, so that Addrs and ListenSMTP can be used at once.
// Peers are looked after while Run runs; a Host that is never run has to be closed.
func New(cfg Config, chain Chain, pool Pool, log *slog.Logger) (*Host, error) {
	listen, bootstrap, err := cfg.check()
	if err != nil {
		return nil, err
	}
	priv, err := identity(cfg.Key)
	if err != nil {
		return nil, err
	}
	genesis := chain.Genesis()
	h := &Host{
		cfg: cfg, log: log, peerLog: newPeerLog(log, time.Now()), chain: chain, pool: pool,
		params: genesis.Params, chainID: genesis.Params.ChainID(), genesis: genesis.Block.ID(),
		priv: priv, self: consensus.PublicKey(cfg.Key), bootstrap: bootstrap,
		roster: newRoster(), book: newBook(), stats: newCounters(), future: newFuture(), instances: newInstances(),
		syncWake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	h.book.member = h.enrolled
	h.timing = timingFor(h.params.BlockInterval)
	if cfg.timing != nil {
		h.timing = *cfg.timing
	}
	h.forgive = forgiven{
		blocks: newLenience(h.params.BlockInterval/blocksPerBlock, forgivenBlocks),
		items:  newLenience(h.params.BlockInterval/batchesPerBlock, forgivenBatches),
	}
	h.names = protocolsOf(h.chainID)
	h.gate = newGate(cfg.cut, h.stats, cfg.MaxPeers, h.arrived)
	h.dialer = newDialer()
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if h.host, err = h.libp2pHost(); err != nil {
		return nil, err
	}
	if h.gossip, err = h.join(); err != nil {
		h.cancel()
		return nil, errors.Join(err, h.host.Close())
	}
	h.serveAll()
	if err := h.listen(listen); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// libp2pHost makes the host of the library, which listens nowhere yet.
func (h *Host) libp2pHost() (host.Host, error) {
	limits, err := resources(h.names, h.cfg.MaxPeers, h.cfg.MaxSessions)
	if err != nil {
		return nil, fmt.Errorf("p2p: resource limits: %w", err)
	}
	conns, err := connections(h.cfg.MaxPeers)
	if err != nil {
		return nil, fmt.Errorf("p2p: connection limits: %w", err)
	}
	options := []libp2p.Option{
		libp2p.Identity(h.priv),
		// Without SO_REUSEPORT: with it a second node on the same port would take half of the first
		// one's connections, silently.
		libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(limits), libp2p.ConnectionManager(conns), libp2p.ConnectionGater(h.gate),
		libp2p.DisableRelay(), libp2p.ForceReachabilityPublic(), libp2p.DisableMetrics(), libp2p.DisableIdentifyAddressDiscovery(), libp2p.Ping(false),
		libp2p.UserAgent(h.cfg.Agent),
		libp2p.NoListenAddrs, // opened by New, when all protocols are served
	}
	made, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("p2p: make the libp2p host: %w", err)
	}
	return made, nil
}

// serveAll sets the handlers of all streams but those of mail.
func (h *Host) serveAll() {
	h.serve(h.names.status, &service{name: "status", handle: h.serveStatus, gap: 50 * time.Millisecond, credit: 40})
	h.serve(h.names.headers, &service{name: "headers", handle: h.serveHeadlines, gap: 50 * time.Millisecond, credit: 200})
	h.serve(h.names.blocks, &service{name: "blocks", handle: h.serveBlocks, gap: 50 * time.Millisecond, credit: 200})
	h.serve(h.names.pool, &service{name: "pool", handle: h.servePool, gap: 200 * time.Millisecond, credit: 20})
	h.serve(h.names.peers, &service{name: "peers", handle: h.servePeers, gap: 200 * time.Millisecond, credit: 40})
	h.serve(h.names.time, &service{name: "time", handle: h.serveTime, gap: time.Second, credit: 20})
	h.serve(h.names.instance, &service{name: "instance", handle: h.serveInstance, gap: time.Second, credit: 40})
	h.serve(h.names.account, &service{name: "account", handle: h.serveAccount, most: accountsAtOnce, gap: time.Millisecond, credit: 4000})
	h.serve(h.names.had, &service{name: "had", handle: h.serveHad, most: hadAtOnce, gap: 10 * time.Millisecond, credit: 1000})
}

// Run keeps up with the network until ctx is done: it dials and greets peers, syncs the chain and
// the mempool, and admits early blocks when their time has come. It returns nil after everything
// has been shut down. Run once.
func (h *Host) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, h.cancel)
	defer stop()
	events, err := h.watchConnections()
	if err != nil {
		return errors.Join(err, h.Close())
	}
	for _, loop := range []func(){func() { h.greetPeers(events) }, h.dialPeers, h.syncBlocks, h.admitFuture} {
		h.spawn(loop)
	}
	h.log.Info("listening for peers", "addrs", h.Addrs(), "chain", h.chainID)
	<-h.ctx.Done()
	return h.Close()
}

// Close shuts the host down, mail streams included, and waits until all its goroutines have ended.
// Whoever wants mail sessions to end in good order ends them first. It may be called twice and from
// several goroutines.
func (h *Host) Close() error {
	if !h.running.Close() {
		<-h.ended
		return nil
	}
	defer close(h.ended)
	h.cancel()
	h.closeSMTP()
	err := h.host.Close()
	h.running.Wait()
	if err != nil {
		return fmt.Errorf("p2p: close: %w", err)
	}
	return nil
}

// spawn runs f in a goroutine that Close waits for.
func (h *Host) spawn(f func()) {
	if h.running.Enter() {
		go func() {
			defer h.running.Leave()
			f()
		}()
	}
}

// Addrs returns the full multiaddresses under which this node can be reached, each ending in
// /p2p/<id>.
func (h *Host) Addrs() []string {
	return fullAddrs(peer.AddrInfo{ID: h.host.ID(), Addrs: h.host.Addrs()})
}

// fullAddrs writes the addresses of a node, each ending in /p2p/<id>.
func fullAddrs(info peer.AddrInfo) []string {
	list := make([]string, 0, len(info.Addrs))
	for _, a := range info.Addrs {
		list = append(list, fmt.Sprintf("%s/p2p/%s", a, info.ID))
	}
	return list
}
