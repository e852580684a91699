package chaintest

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"cairn/consensus"
)

// Body is what goes into a block, and when.
type Body struct {
	Events  []consensus.OrgEvent
	Batches []consensus.Batch // in an order that is valid
	Time    time.Time         // zero: one interval after the block before
}

// Mine returns a solved and signed block on top of s, mined by organisation
// number by (from 0). It is valid if body is.
func (n *Network) Mine(s *consensus.State, by int, body Body) *consensus.Block {
	at := uint64(body.Time.UnixMilli())
	if body.Time.IsZero() {
		at = s.Time() + uint64(s.Params().BlockInterval.Milliseconds())
	}
	return n.Finish(by, &consensus.Block{
		Header: consensus.SignedHeader{Header: consensus.Header{
			Version:   s.Params().Version,
			ChainID:   s.ChainID(),
			Height:    s.Height() + 1,
			Prev:      s.Tip(),
			BodyRoot:  consensus.BodyRoot(s.Params().Version, body.Events, body.Batches),
			StateRoot: consensus.StateRootAfter(s, body.Events, body.Batches),
			Miner:     n.Orgs[by].RecorderKey(),
			Time:      max(at, s.MedianTime()+1),
			Bits:      s.NextBits(),
		}},
		Events:  body.Events,
		Batches: body.Batches,
	})
}

// Finish solves the header of b as it is, signs it and returns b. Tests that
// break a block use it to make the proof and signature right again.
func (n *Network) Finish(by int, b *consensus.Block) *consensus.Block {
	target, ok := consensus.TargetFromBits(b.Header.Bits)
	if !ok {
		panic("chaintest: the header's bits are no target")
	}
	nonce, _ := consensus.NewPowHasher(&b.Header.Header).Search(target, 0, math.MaxUint64)
	b.Header.Nonce = nonce
	b.Header = consensus.SignHeader(b.Header.Header, n.Orgs[by].Recorder)
	return b
}

// Branch is what weighs a branch of another node by its headlines (chain.Branch).
type Branch interface {
	Add(list []*consensus.Headline, now time.Time) error
	Check() error
}

// Announce gives b the headlines of these blocks and lets it check them, so that its chain takes
// the blocks if they make a better branch, however far below its tip they begin.
func Announce(b Branch, blocks []*consensus.Block, now time.Time) error {
	list := make([]*consensus.Headline, 0, len(blocks))
	for _, block := range blocks {
		list = append(list, block.Headline())
	}
	if err := b.Add(list, now); err != nil {
		return err
	}
	return b.Check()
}

// Chain returns count valid blocks on top of s, the first of which enrols all
// organisations that are not yet, and the state after the last. The
// organisations mine in turn once they are members.
func (n *Network) Chain(s *consensus.State, count int) ([]*consensus.Block, *consensus.State) {
	blocks := make([]*consensus.Block, 0, count)
	for len(blocks) < count {
		var body Body
		by := 0
		if len(s.Orgs()) < len(n.Orgs) {
			body.Events = n.Enrolments()
		} else {
			by = int(s.Height()) % len(n.Orgs)
		}
		b := n.Mine(s, by, body)
		blocks = append(blocks, b)
		s, _ = consensus.ApplyBlock(s, b)
	}
	return blocks, s
}

// Epoch is the one of the batches that Batches makes.
const Epoch = 1

// Batches returns count batches of organisation number by that follow each
// other and what s has of its key. Each has one micro-root, made from tag and
// its number, and times one millisecond apart that any next block allows. Under
// version 2 they are of the epoch Epoch.
func (n *Network) Batches(s *consensus.State, by, count int, tag string) []consensus.Batch {
	recorder := n.Orgs[by].Recorder
	series := consensus.Series{Recorder: consensus.PublicKey(recorder)}
	var signersTip consensus.Hash
	if s.Params().HasEpochs() {
		series.Epoch, signersTip = Epoch, s.Tip()
	}
	tip, _ := s.BatchTip(series)
	batches := make([]consensus.Batch, 0, count)
	for range count {
		root := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(tag), tip.Seq+1))
		b := consensus.Batch{
			ChainID: s.ChainID(),
			Epoch:   series.Epoch,
			Seq:     tip.Seq + 1,
			Tip:     signersTip,
			Prev:    tip.ID,
			Time:    max(tip.Time, s.Time()) + 1,
			Micros:  []consensus.MicroRoot{{Root: root, Count: 1}},
		}
		b.Seal(nil, s.Params(), recorder)
		batches = append(batches, b)
		tip = consensus.BatchTip{Seq: b.Seq, ID: b.ID(), Time: b.Time}
	}
	return batches
}
