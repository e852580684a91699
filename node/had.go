package node

import (
	"context"
	"errors"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
)

// hadPatience is how long the nodes of an organisation have to say what became of a record.
const hadPatience = 5 * time.Second

// had tells another node what became of a record here. A node that may be a copy does not know.
func (n *Node) had(node consensus.Key, d record.Delivery) ([]record.Had, error) {
	if why := n.copies.silent(); why != "" {
		return nil, errors.New(why)
	}
	return n.verifier.Had(node, d)
}

// askHad asks all nodes of an organisation at once what became of a record: which of them has the
// mailboxes is not known here.
func (n *Node) askHad(ctx context.Context, org *consensus.Org, d record.Delivery) []record.Had {
	ctx, cancel := context.WithTimeout(ctx, hadPatience)
	defer cancel()
	answers := make(chan []record.Had)
	asked := 0
	for _, node := range org.Nodes {
		if node.End != consensus.NodeActive {
			continue
		}
		asked++
		go func() {
			had, err := n.host.Had(ctx, node.Node, d)
			if err != nil {
				n.part("p2p").Debug("a node does not say what became of a record", "node", node.Node, "record", d.Record, "err", err)
			}
			answers <- had
		}()
	}
	all := make([][]record.Had, asked)
	for i := range all {
		all[i] = <-answers
	}
	return record.HadOf(len(d.Recipients), all)
}
