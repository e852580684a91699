package recorder

import (
	"encoding/binary"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

// space is the recorder's durable map in the mail store:
//
//	open                          openBatch, JSON
//	former/<count u64>            openBatch, JSON: of an epoch in which nothing is sealed any more
//	restored                      mailstore.Restoration, JSON: that was taken note of last
//	cursor                        chain.Index, JSON: how far the chain was followed
//	batch/<batch>                 closed batch, consensus encoding
//	sent/<batch><micro>           Refs: the senders' copies of a micro-batch
//	of/<account><message><batch>  the batches that a sender's copy has records in: empty or, where there are
//	                              epochs, how many records u16; batch 0 of no epoch: that are to be made anew
//	in/<batch>                    height u64 of the block that holds the batch
//	due/<batch>                   micro u16: labels are out of date from there on
//
// Batches and what belongs to them are dropped once they stand keepBlocks deep.
// A batch is named by epoch (where there are any) and seq, see number. Numbers in
// keys are big-endian, so that scans run in order.
const space = "recorder"

const (
	keyOpen     = "open"
	keyRestored = "restored" // where there are epochs
	keyCursor   = "cursor"
)

// openBatch is the batch that still takes micro-batches: the signing state.
type openBatch struct {
	Seq      uint64
	Prev     consensus.Hash // ID of the batch before; zero for the first
	LastTime uint64         // its time, unix ms
	Opened   uint64         // when the first micro-batch was sealed, unix ms
	Micros   []consensus.MicroRoot

	// Where recorder keys have epochs.
	Key   consensus.Key  `json:",omitzero"` // whose epoch it is; zero: written before there was this field, see keyring.of
	Epoch uint64         `json:",omitempty"`
	Tip   consensus.Hash `json:",omitzero"` // of the chain when the first micro-batch was sealed
	// Abreast is the block that was next when a process first was abreast of the chain after this
	// epoch was left; 0: none was yet.
	Abreast uint64 `json:",omitempty"`
	// GivenUp: micro-batches were left that are never closed from here.
	GivenUp bool `json:",omitempty"`
}

// signed reports whether something was signed in its epoch.
func (o *openBatch) signed() bool { return o.Seq > 1 || len(o.Micros) > 0 }

func (o *openBatch) number() number { return number{o.Epoch, o.Seq} }

// number names one of our batches. In keys it is the epoch u64, if there is one,
// and the seq u64: the batches of a network all have epochs or none, so keys of
// the two forms never meet in one store.
type number struct{ epoch, seq uint64 }

func (n number) append(b []byte) []byte {
	if n.epoch != 0 {
		b = binary.BigEndian.AppendUint64(b, n.epoch)
	}
	return binary.BigEndian.AppendUint64(b, n.seq)
}

// anew stands for the batch of records that are to be made anew: no block holds it.
var anew = number{}

// numberOf reads what append has appended, all of b.
func numberOf(b []byte) (n number) {
	if len(b) > 8 {
		n.epoch, b = binary.BigEndian.Uint64(b), b[8:]
	}
	n.seq = binary.BigEndian.Uint64(b)
	return n
}

const (
	batchPrefix = "batch/"
	sentPrefix  = "sent/"
	inPrefix    = "in/"
	duePrefix   = "due/"
)

func batchKey(n number) []byte { return n.append([]byte(batchPrefix)) }

func sentKey(n number, micro uint16) []byte {
	return binary.BigEndian.AppendUint16(sentOf(n), micro)
}

func sentOf(n number) []byte { return n.append([]byte(sentPrefix)) }

func ofPrefix(r mailstore.Ref) []byte { return r.Append([]byte("of/")) }

func ofKey(r mailstore.Ref, n number) []byte { return n.append(ofPrefix(r)) }

func inKey(n number) []byte { return n.append([]byte(inPrefix)) }

func dueKey(n number) []byte { return n.append([]byte(duePrefix)) }

func decodeRefs(b []byte) ([]mailstore.Ref, error) {
	if len(b)%mailstore.RefSize != 0 {
		return nil, fmt.Errorf("stored list of sent messages has %d bytes", len(b))
	}
	refs := make([]mailstore.Ref, 0, len(b)/mailstore.RefSize)
	for ; len(b) > 0; b = b[mailstore.RefSize:] {
		refs = append(refs, mailstore.RefOf(b[:mailstore.RefSize]))
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
	var formers []former
	restored := false
	err := r.store.View(func(rd *mailstore.Reader) (err error) {
		if _, err := rd.Space(space).JSON([]byte(keyOpen), &open); err != nil {
			return err
		}
		if formers, err = readFormers(rd.Space(space)); err != nil {
			return err
		}
		if _, restored, err = restoredAnew(rd); err != nil {
			return err
		}
		_, err = rd.Space(space).JSON([]byte(keyCursor), &cursor)
		return err
	})
	if err != nil {
		return err
	}
	r.open, r.formers, r.restored, r.cursor, r.unsure = open, formers, restored, cursor, false
	return nil
}
