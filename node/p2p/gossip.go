package p2p

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p-pubsub/timecache"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/mailstore/wake"
)

// Queues of gossip. The library's defaults (32) lose most of a burst of a thousand batches without
// a word.
const (
	gossipQueue       = 4096 // messages waiting for validation, and messages waiting to be sent to one peer
	gossipValidations = 2048 // messages being validated at once
	blockValidations  = 16   // blocks of them: each may wait for its missing batches
	seenFor           = 10 * time.Minute
)

// Ignored messages that a caller is forgiven. A node that is behind ignores whatever is new, so the
// pace is the one at which a chain can take it in: batches of the smallest size in full blocks, and
// some blocks beside the best branch. What comes at once may be as much as a mempool lists, which a
// node passes on after an exchange with another.
const (
	batchesPerBlock = consensus.MaxBody / (consensus.BatchFixedSize + consensus.MicroSize + 64)
	forgivenBatches = maxPoolBatches
	blocksPerBlock  = 16
	forgivenBlocks  = 256
)

// gossip holds this node's place in the three topics of its chain. Messages are taken where they
// are validated; nothing reads a subscription, so the topics are relayed only.
type gossip struct {
	block, batch, event *pubsub.Topic
}

// topicRules are what holds for the messages of a topic.
type topicRules struct {
	most    int // bytes of a message
	forgive *lenience
}

// join enters the topics.
func (h *Host) join() (*gossip, error) {
	name := func(s string) string { return fmt.Sprintf("/cairn/%s/%s/1", h.chainID, s) }
	topics := map[string]topicRules{
		name("block"): {maxGossipData, h.forgive.blocks},
		name("batch"): {consensus.MaxBatchSize, h.forgive.items},
		name("event"): {maxEventSize, h.forgive.items},
	}

	params := pubsub.DefaultGossipSubParams()
	params.D, params.Dlo, params.Dhi, params.Dout, params.Dlazy = 8, 6, 12, 3, 8
	ps, err := pubsub.NewGossipSub(h.ctx, h.host,
		pubsub.WithGossipSubParams(params),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithFloodPublish(true),
		pubsub.WithMaxMessageSize(maxGossip),
		pubsub.WithSeenMessagesTTL(seenFor), pubsub.WithSeenMessagesStrategy(timecache.Strategy_LastSeen),
		pubsub.WithValidateQueueSize(gossipQueue), pubsub.WithValidateThrottle(gossipValidations),
		pubsub.WithPeerOutboundQueueSize(gossipQueue),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(
			pubsub.NewAllowlistSubscriptionFilter(name("block"), name("batch"), name("event")), 64)),
		pubsub.WithAppSpecificRpcInspector(h.inspect(topics)),
	)
	if err != nil {
		return nil, fmt.Errorf("p2p: start gossip: %w", err)
	}
	g := new(gossip)
	for _, t := range []struct {
		name     string
		topic    **pubsub.Topic
		validate pubsub.ValidatorEx
		at       int
	}{
		{"block", &g.block, h.judgeBlock, blockValidations},
		{"batch", &g.batch, h.judgeBatch, gossipValidations},
		{"event", &g.event, h.judgeEvent, gossipValidations},
	} {
		judge := h.judge(t.name, t.validate, topics[name(t.name)].forgive)
		if err := ps.RegisterTopicValidator(name(t.name), judge, pubsub.WithValidatorConcurrency(t.at)); err != nil {
			return nil, fmt.Errorf("p2p: gossip of %ss: %w", t.name, err)
		}
		if *t.topic, err = ps.Join(name(t.name)); err != nil {
			return nil, fmt.Errorf("p2p: gossip of %ss: %w", t.name, err)
		}
		if _, err := (*t.topic).Relay(); err != nil {
			return nil, fmt.Errorf("p2p: gossip of %ss: %w", t.name, err)
		}
	}
	return g, nil
}

// inspect takes out of what a peer sends, before anything is done with it, messages over the limit
// of their topic or of another one, which are held against it, and those that it has no credit for.
func (h *Host) inspect(topics map[string]topicRules) func(peer.ID, *pubsub.RPC) error {
	return func(from peer.ID, rpc *pubsub.RPC) error {
		if len(rpc.GetPublish()) == 0 {
			return nil
		}
		caller, now := h.callerOf(from), time.Now()
		breaches := 0
		rpc.Publish = slices.DeleteFunc(rpc.Publish, func(m *pb.Message) bool {
			t, ours := topics[m.GetTopic()]
			if !ours || len(m.GetData()) > t.most {
				h.stats.add("gossip.oversize")
				breaches++
				return true
			}
			drop, breach := t.forgive.drops(caller, now)
			if drop {
				h.stats.add("gossip.dropped")
			}
			if breach {
				breaches++
			}
			return drop
		})
		if breaches > 0 {
			h.blame(from, breaches)
		}
		return nil
	}
}

// messageID is SHA-256(topic || data): a message is its content, whoever sends it.
func messageID(m *pb.Message) string {
	d := sha256.New()
	d.Write([]byte(m.GetTopic()))
	d.Write(m.GetData())
	return string(d.Sum(nil))
}

// judge wraps a validator: what this node publishes itself passes, what others send is counted, and
// what no correct node would have passed on is held against the peer that did. What is ignored uses
// up what the peer is forgiven.
func (h *Host) judge(name string, validate pubsub.ValidatorEx, forgive *lenience) pubsub.ValidatorEx {
	return func(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		if from == h.host.ID() {
			return pubsub.ValidationAccept
		}
		result := validate(ctx, from, m)
		switch result {
		case pubsub.ValidationAccept:
			h.stats.add("gossip." + name + ".accepted")
		case pubsub.ValidationReject:
			h.stats.add("gossip." + name + ".rejected")
			h.blame(from, 1)
		default:
			forgive.ignored(h.callerOf(from), time.Now())
			h.stats.add("gossip." + name + ".ignored")
		}
		return result
	}
}

// judgeBatch offers a batch to the mempool. Only what is wrong in itself is rejected: a recorder
// that is not known here, or a number too far ahead of the chain's, may just mean that this node is
// behind.
func (h *Host) judgeBatch(_ context.Context, _ peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	b, err := consensus.DecodeBatch(m.Data)
	if err != nil {
		return pubsub.ValidationReject
	}
	return verdict(h.pool.AddBatch(h.chain.State(), b, h.cfg.Now()))
}

// judgeEvent offers an org event to the mempool, by the same rule.
func (h *Host) judgeEvent(_ context.Context, _ peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	e, err := consensus.DecodeEvent(m.Data)
	if err != nil {
		return pubsub.ValidationReject
	}
	return verdict(h.pool.AddEvent(h.chain.State(), e, h.cfg.Now()))
}

// verdict is what the mempool's answer to a batch or event means for its sender.
func verdict(err error) pubsub.ValidationResult {
	switch {
	case err == nil:
		return pubsub.ValidationAccept
	case bad(err):
		return pubsub.ValidationReject
	}
	return pubsub.ValidationIgnore
}

// bad reports whether the mempool refused a batch or event for what it shows by itself. What it
// refused before it looked closer, since it is known, late or does not fit this node's state, is
// not verified for the sake of blame: that would cost more than sending it.
func bad(err error) bool {
	var broken *consensus.RuleError
	return errors.As(err, &broken) && !broken.OfState()
}

// PublishBlock announces a block that the chain has taken in, to all peers at once.
func (h *Host) PublishBlock(b *consensus.Block) {
	h.publish(h.gossip.block, newCompactBlock(b).encode())
}

// PublishBatch sends a batch that the mempool has taken in to all peers. A peer that misses it gets
// it in the next exchange of mempools; to publish it again has no effect while it counts as seen.
func (h *Host) PublishBatch(b *consensus.Batch) { h.publishItem(h.gossip.batch, b.Encode()) }

// PublishEvent sends an org event that the mempool has taken in to all peers, as PublishBatch does
// a batch.
func (h *Host) PublishEvent(e *consensus.OrgEvent) { h.publishItem(h.gossip.event, e.Encode()) }

// publishItem publishes what is in the mempool. Gossip sends it once, to those who are in the topic
// by now. With a peer that is not, as it connected a moment ago, the mempools are made equal again:
// the exchange at its greeting may have been before the item was here.
func (h *Host) publishItem(t *pubsub.Topic, data []byte) {
	h.publish(t, data)
	reached := t.ListPeers()
	for _, p := range h.roster.greeted() {
		if !slices.Contains(reached, p.id) {
			h.roster.markPool(p.remote)
			wake.Up(p.kick)
		}
	}
}

func (h *Host) publish(t *pubsub.Topic, data []byte) {
	if err := t.Publish(h.ctx, data); err != nil && h.ctx.Err() == nil {
		h.stats.add("gossip.publish-failed")
		h.log.Warn("gossip did not take a message; peers will ask for it later", "topic", t.String(), "err", err)
	}
}
