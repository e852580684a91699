package chain

import (
	"fmt"

	"cairn/consensus"
)

// checkAlone checks what a block shows by itself, when the state under it is not
// at hand: that it is whole and properly signed by the keys that it names. What
// an id does not cover is thereby right, so that no copy with broken signatures
// can take the place of the good block in the store.
func checkAlone(net *consensus.Network, b *consensus.Block) error {
	if !consensus.VerifySignature(b.Header.Miner, b.Header.SigningBytes(), b.Header.Signature) {
		return &consensus.RuleError{Rule: consensus.RuleHeaderSignature,
			Detail: fmt.Sprintf("header is not signed by its miner %s", b.Header.Miner)}
	}
	if size := b.BodySize(); size > consensus.MaxBody {
		return &consensus.RuleError{Rule: consensus.RuleBodySize,
			Detail: fmt.Sprintf("body of %d bytes, at most %d allowed", size, consensus.MaxBody)}
	}
	if root := consensus.BodyRoot(b.Header.Version, b.Events, b.Batches); root != b.Header.BodyRoot {
		return &consensus.RuleError{Rule: consensus.RuleBodyRoot,
			Detail: fmt.Sprintf("header has body root %s, the body has %s", b.Header.BodyRoot, root)}
	}
	for i := range b.Events {
		if err := consensus.CheckEvent(net.Params(), net.ChainID(), &b.Events[i]); err != nil {
			return err
		}
	}
	for i := range b.Batches {
		if err := consensus.CheckBatch(net.Params(), net.ChainID(), &b.Batches[i]); err != nil {
			return err
		}
	}
	return nil
}
