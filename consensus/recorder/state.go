package recorder

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

// space is the recorder's durable map in the mail store:
//
//	open                          openBatch, JSON
//	cursor                        chain.Index, JSON: how far the chain was followed
//	batch/<seq>                   closed batch, consensus encoding
//	sent/<seq><micro>             []Ref, JSON: the senders' copies of a micro-batch
//	included/<height><seq>        empty: our batches by the height of their block
//
// Numbers in keys are big-endian, so that scans run in order.
const space = "recorder"

const (
	keyOpen   = "open"
	keyCursor = "cursor"
)

// openBatch is the batch that still takes micro-batches: the signing state.
type openBatch struct {
	Seq      uint64
	Prev     consensus.Hash // ID of the batch before; zero for the first
	LastTime uint64         // its time, unix ms
	Opened   uint64         // when the first micro-batch was sealed, unix ms
	Micros   []consensus.MicroRoot
}

func batchKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("batch/"), seq)
}

func sentKey(seq uint64, micro uint16) []byte {
	return binary.BigEndian.AppendUint16(sentPrefix(seq), micro)
}

func sentPrefix(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("sent/"), seq)
}

func includedKey(height, seq uint64) []byte {
	k := binary.BigEndian.AppendUint64([]byte("included/"), height)
	return binary.BigEndian.AppendUint64(k, seq)
}

// load reads the signing state and the chain cursor from the store.
func (r *Recorder) load() error {
	return r.store.View(func(rd *mailstore.Reader) error {
		r.open = openBatch{Seq: 1}
		r.cursor = chain.Index{}
		if err := getJSON(rd.Space(space), keyOpen, &r.open); err != nil {
			return err
		}
		return getJSON(rd.Space(space), keyCursor, &r.cursor)
	})
}

// getJSON fills v from key; it leaves v alone when there is no such key.
func getJSON(sp mailstore.SpaceReader, key string, v any) error {
	b, err := sp.Get([]byte(key))
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("stored %s: %w", key, err)
	}
	return nil
}

func putJSON(sp mailstore.Space, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return sp.Put(key, b)
}
