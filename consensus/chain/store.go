package chain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus"
)

// Keys of the database; see the package comment.
var (
	keyNetwork = []byte("mnetwork")
	keyFormat  = []byte("mformat")
	keyTip     = []byte("mtip")
	keyTarget  = []byte("mtarget")
	keyLeft    = []byte("mleft")
	keyGarbage = []byte("mgarbage")
)

const (
	prefixBlock  = 'b'
	prefixNode   = 'n'
	prefixUndo   = 'u'
	prefixHeight = 'i'
	prefixOrg    = 'o'
	prefixTip    = 't'
	prefixPast   = 'p'
	prefixSide   = 's'
)

func keyOf(prefix byte, id [32]byte) []byte { return append([]byte{prefix}, id[:]...) }

func keyOfHeight(height uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixHeight}, height)
}

func keyOfSeries(s consensus.Series) []byte {
	key := keyOf(prefixTip, s.Recorder)
	if s.Epoch != 0 {
		key = binary.BigEndian.AppendUint64(key, s.Epoch)
	}
	return key
}

func keyOfPast(number int) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixPast}, uint32(number))
}

func getHash(tx Reader, key []byte) (h consensus.Hash, err error) {
	err = tx.Get(key, func(v []byte) error {
		if len(v) != len(h) {
			return fmt.Errorf("%w: entry %q has %d bytes", errDamaged, key, len(v))
		}
		copy(h[:], v)
		return nil
	})
	return h, err
}

var errDamaged = errors.New("the chain database is damaged: stop the node and start it again; what is damaged is then made anew, from its own blocks and from peers")

// node is what is kept of each block beside the block: its place in the tree.
type node struct {
	parent consensus.Hash
	state  *consensus.HeaderState // after the block
}

func getNode(tx Reader, net *consensus.Network, id consensus.Hash) (n node, err error) {
	err = tx.Get(keyOf(prefixNode, id), func(v []byte) (err error) {
		n, err = decodeNode(net, id, v)
		return err
	})
	return n, err
}

func decodeNode(net *consensus.Network, id consensus.Hash, v []byte) (n node, err error) {
	if len(v) < len(n.parent) {
		return n, fmt.Errorf("%w: header state of block %s is cut short", errDamaged, id)
	}
	copy(n.parent[:], v)
	n.state, err = consensus.DecodeHeaderState(net, v[len(n.parent):])
	if err != nil {
		return n, fmt.Errorf("%w: header state of block %s: %v", errDamaged, id, err)
	}
	return n, nil
}

func getUndo(tx Reader, net *consensus.Network, id consensus.Hash) (u *consensus.Undo, err error) {
	err = tx.Get(keyOf(prefixUndo, id), func(v []byte) (err error) {
		u, err = consensus.DecodeUndo(net, v)
		if err != nil {
			return fmt.Errorf("%w: undo of block %s: %v", errDamaged, id, err)
		}
		return nil
	})
	return u, err
}

// has reports whether there is an entry.
func has(tx Reader, key []byte) (bool, error) {
	err := tx.Get(key, func([]byte) error { return nil })
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// onBest reports whether the block is on the best branch as tx sees it.
func onBest(tx Reader, i Index) (bool, error) {
	id, err := getHash(tx, keyOfHeight(i.Height))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && id == i.ID, err
}
