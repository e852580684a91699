package node

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"cairn/consensus"
	"cairn/consensus/mempool"
	"cairn/node/api"
	"cairn/node/ops"
	"cairn/smtpgw"
)

// drainTime is how long sessions may take to end at a shutdown.
const drainTime = 5 * time.Second

// Serve runs every part of the node until ctx is done or one of them fails,
// then stops the listeners first and the parts behind them last. ready is
// called once everything has been started.
func (n *Node) Serve(ctx context.Context, ready func()) error {
	parts, stopParts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopParts()
	g, failed := errgroup.WithContext(parts)
	run := func(part func(context.Context) error) {
		g.Go(func() error { return part(failed) })
	}
	run(n.watchStore)
	run(n.trimJournal)
	run(n.memory.trim)
	run(n.host.Run)
	run(n.index.Run)
	run(n.verifier.Run)
	run(n.history.Run)
	run(n.reports.Run)
	run(n.outgoing.Run)
	run(n.recorder.Run)
	run(n.courier.Run)
	run(n.lists.Run)
	run(func(ctx context.Context) error { return n.pool.Follow(ctx, n.chain) })
	run(func(ctx context.Context) error { return n.pool.Accuse(ctx, n.chain, n.publishSuspension) })
	run(n.joinNetwork)
	run(n.keepOrg)
	run(n.tellHeld)
	run(n.welcome)
	run(n.keepPeers)
	run(n.watchClock)
	run(n.watchOwn)
	run(n.watchOthers)
	run(n.watchRecorder)
	run(n.watchDKIM)
	run(n.keepIssued)
	run(n.watchCertificates)
	run(n.watchTLSKeys)
	counts := *n.cfg
	run(func(ctx context.Context) error { return n.readAnew(ctx, counts) })
	if n.miner != nil {
		run(n.miner.Run)
	}
	if n.listen.submission != nil {
		g.Go(func() error { return n.submission.Serve(n.listen.submission) })
	}
	if n.listen.submissionTLS != nil {
		g.Go(func() error { return n.submission.ServeTLS(n.listen.submissionTLS) })
	}
	if n.listen.inbound != nil {
		proxies, _ := prefixes(n.cfg.Inbound.Proxies) // Validate looked
		from := smtpgw.Proxied(n.listen.inbound, proxies, n.part("smtp"))
		g.Go(func() error { return n.inbound.Serve(from) })
	}
	g.Go(func() error { return n.inbound.Serve(n.listen.stream) })
	if n.milter != nil {
		g.Go(func() error { return n.milter.Serve(n.listen.milter) })
	}
	if n.listen.operations != nil {
		run(func(ctx context.Context) error {
			return ops.Serve(ctx, n.listen.operations, n.metrics, n.alive, n.ready, n.log)
		})
	}
	n.runWeb(run)
	run(func(ctx context.Context) error {
		return api.Serve(ctx, heldSocket{n.listen.api, n.goesOn.Load}, n, n.log)
	})
	ready()

	select {
	case <-ctx.Done():
	case <-failed.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	var servers errgroup.Group // both at once: neither takes mail while the other drains
	servers.Go(func() error { return n.submission.Shutdown(drain) })
	servers.Go(func() error { return n.inbound.Shutdown(drain) })
	if n.milter != nil {
		servers.Go(func() error { return n.milter.Shutdown(drain) })
	}
	if err := servers.Wait(); err != nil {
		n.log.Warn("some SMTP sessions were cut off", "err", err)
	}
	stopParts()
	return g.Wait()
}

// watchStore ends the node when its mail store takes no more writes: opened again, it may.
func (n *Node) watchStore(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-n.store.Broken():
		return n.store.Failure()
	}
}

// submitBatch brings a batch of ours to the miners, unless no block would take it
// any more. The chain may have taken it since the recorder looked, as when it comes
// from other nodes after a restore; whether what it has there is this batch, the
// recorder finds out when it looks again.
func (n *Node) submitBatch(b *consensus.Batch) {
	s := n.chain.State()
	if !s.Seals(b.Recorder) {
		return
	}
	if tip, _ := s.BatchTip(b.Series()); b.Seq <= tip.Seq {
		return
	}
	err := n.pool.AddBatch(s, b, n.now())
	if err != nil && !errors.Is(err, mempool.ErrKnown) {
		if n.unbrought.News(err, time.Now()) {
			n.log.Warn("our own batch was not taken into the mempool", "seq", b.Seq, "err", err, "try", n.typable("it is brought again by itself; if that stays so, see: cairn status"))
		}
		return
	}
	n.host.PublishBatch(b)
}

// publishSuspension brings to the miners that a recorder key signed two batches with one number.
func (n *Node) publishSuspension(e *consensus.OrgEvent) {
	name := ""
	if org, ok := n.chain.State().Org(e.Org()); ok {
		name = org.Name
	}
	n.log.Warn("a recorder key signed two batches with one number, and is brought to be suspended", "organisation", name, "event", e.ID())
	n.host.PublishEvent(e)
}

// joinNetwork brings our enrolment to the miners until it is in a block, and
// again should a reorganisation drop it.
func (n *Node) joinNetwork(ctx context.Context) error {
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	again := time.NewTicker(5 * n.genesis.Params.BlockInterval)
	defer again.Stop()
	waited := false
	var problem said
	for {
		s := n.chain.State()
		n.enrolProblem.Store(nil)
		if org, enrolled := s.OrgByNode(n.id.NodeKey()); !enrolled && !n.enrolledItself() {
			waited = true // for its organisation to add it: it has nothing to bring
		} else if !enrolled {
			waited = true
			err := n.offer(s, n.enrol, false)
			if unattested(err) {
				err = n.offer(s, n.enrol, true)
			}
			n.noteBrought(err == nil && len(n.host.Peers()) > 0)
			if err != nil {
				text := err.Error()
				n.enrolProblem.Store(&text)
				if problem.news(err) {
					n.log.Warn("our enrolment cannot be brought to the network", "err", err)
				}
			}
		} else {
			again.Stop()
			if waited {
				n.log.Info("our organisation is a member of the network", "since_block", org.Height)
				waited = false
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-again.C:
		}
	}
}
