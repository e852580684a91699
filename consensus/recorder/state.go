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
//	sent/<seq><micro>             Refs: the senders' copies of a micro-batch
//	of/<account><message><seq>    empty: the batches that a sender's copy has records in
//	in/<seq>                      height u64 of the block that holds the batch
//	due/<seq>                     micro u16: labels are out of date from there on
//
// Batches and what belongs to them are dropped once they stand keepBlocks deep.
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

func ofPrefix(r Ref) []byte { return r.append([]byte("of/")) }

func ofKey(r Ref, seq uint64) []byte { return binary.BigEndian.AppendUint64(ofPrefix(r), seq) }

func inKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte("in/"), seq) }

func dueKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte("due/"), seq) }

// seqOf reads the number at the end of a key.
func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

const refSize = 12

func (r Ref) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(r.Account))
	return binary.BigEndian.AppendUint64(b, uint64(r.Message))
}

func appendRefs(b []byte, refs []Ref) []byte {
	for _, r := range refs {
		b = r.append(b)
	}
	return b
}

func decodeRefs(b []byte) ([]Ref, error) {
	if len(b)%refSize != 0 {
		return nil, fmt.Errorf("stored list of sent messages has %d bytes", len(b))
	}
	refs := make([]Ref, 0, len(b)/refSize)
	for ; len(b) > 0; b = b[refSize:] {
		refs = append(refs, Ref{
			Account: mailstore.AccountID(binary.BigEndian.Uint32(b)),
			Message: mailstore.MessageID(binary.BigEndian.Uint64(b[4:])),
		})
	}
	return refs, nil
}

// load reads the signing state and the chain cursor from the store, unless
// they are known. Nothing may be signed before: what was refused may have
// happened all the same, and a place must not be signed for twice.
func (r *Recorder) load() error {
	if !r.unsure {
		return nil
	}
	open, cursor := openBatch{Seq: 1}, chain.Index{}
	err := r.store.View(func(rd *mailstore.Reader) error {
		if err := getJSON(rd.Space(space), keyOpen, &open); err != nil {
			return err
		}
		return getJSON(rd.Space(space), keyCursor, &cursor)
	})
	if err != nil {
		return err
	}
	r.open, r.cursor, r.unsure = open, cursor, false
	return nil
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
