package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/membership"
)

// loadRecorders reads which recorder keys this node had before the start.
func (n *Node) loadRecorders() error {
	n.hadRecorders = make(map[consensus.Key]uint64)
	var bad error
	err := n.store.View(func(r *mailstore.Reader) error {
		return r.Space(orgSpace).Scan([]byte(recorderPrefix), nil, func(key, since []byte) bool {
			if key = key[len(recorderPrefix):]; len(key) != len(consensus.Key{}) || len(since) != 8 {
				bad = errors.New("a note is damaged")
				return false
			}
			n.hadRecorders[consensus.Key(key)] = binary.BigEndian.Uint64(since)
			return true
		})
	})
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("look up which recorder keys this node had: %w", err)
	}
	return nil
}

// noteRecorders keeps which of the recorder keys that are here the chain has as this node's, before
// one of them may go.
func (n *Node) noteRecorders(ctx context.Context) error {
	s := n.chain.State()
	had := make(map[consensus.Key]uint64)
	for _, k := range n.recorderKeys() {
		key := consensus.PublicKey(k)
		if node, known := s.NodeByRecorder(key); known && node.Node == n.id.NodeKey() && n.hadRecorders[key] != node.Since {
			had[key] = node.Since
		}
	}
	if len(had) == 0 {
		return nil
	}
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		var errs []error
		for key, since := range had {
			errs = append(errs, tx.Space(orgSpace).PutNumber(under(recorderPrefix, key), since))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("keep which recorder keys this node had: %w", err)
	}
	maps.Copy(n.hadRecorders, had)
	return nil
}

// hadBefore reports whether this node had that recorder key before the one that it has, whose file
// may be gone. What came after that one is none of the keys here: older ones were put back.
func (n *Node) hadBefore(key consensus.Key) bool {
	since, had := n.hadRecorders[key]
	now, has := n.hadRecorders[n.id.RecorderKey()]
	return had && has && since < now
}

// recorderComes reports whether our recorder key, which the chain does not know, may be ours all
// the same: it was, the one before is here, or an event that names it is kept; or the chain is not
// here as far as the organisation was seen to change.
func (n *Node) recorderComes(s *consensus.State) bool {
	_, there := s.NodeByKey(n.id.NodeKey())
	_, had := n.hadRecorders[n.id.RecorderKey()]
	if !there || s.Height() < n.ownSeen.Load() || had || len(n.formers) > 0 {
		return true
	}
	list, err := n.proposed()
	return err == nil && slices.ContainsFunc(list, func(e *consensus.OrgEvent) bool {
		r := membership.ContentOf[*consensus.Replace](e)
		return r != nil && r.Recorder == n.id.RecorderKey()
	})
}
