package consensus

import (
	"encoding/binary"
	"maps"
)

// Undo is what RevertBlock needs to take a block back.
type Undo struct {
	Header  *HeaderState // before the block
	Formers []Former     // of the organisations that its events are about, in their order
	// Tips are the tips, before the block, of the recorder keys that have
	// batches in it, in order of their first. Where a key had none, all of
	// its Tip is zero.
	Tips []KeyTip
}

// ApplyBlock returns the state after b, which must be valid on top of s, and
// how to take it back. s stays as it is.
func ApplyBlock(s *State, b *Block) (*State, *Undo) {
	undo := &Undo{Header: s.hs}
	next := &State{hs: s.hs.Next(&b.Header.Header), tips: s.tips}
	next.members, undo.Formers = s.members.apply(b.Events, b.Header.Height)
	if len(b.Batches) == 0 {
		return next, undo
	}
	next.tips = maps.Clone(s.tips)
	for i := range b.Batches {
		batch := &b.Batches[i]
		if next.tips[batch.Recorder].Height != b.Header.Height { // its first in this block
			undo.Tips = append(undo.Tips, KeyTip{batch.Recorder, s.tips[batch.Recorder]})
		}
		next.tips[batch.Recorder] = BatchTip{Seq: batch.Seq, ID: batch.ID(), Time: batch.Time, Height: b.Header.Height}
	}
	return next, undo
}

// RevertBlock returns the state before the block that led to s and u: it
// equals the one that ApplyBlock was given. s stays as it is.
func RevertBlock(s *State, u *Undo) *State {
	prev := &State{hs: u.Header, members: s.members.revert(u.Formers), tips: s.tips}
	if len(u.Tips) == 0 {
		return prev
	}
	prev.tips = maps.Clone(s.tips)
	for _, t := range u.Tips {
		if t.Tip == (BatchTip{}) {
			delete(prev.tips, t.Recorder)
		} else {
			prev.tips[t.Recorder] = t.Tip
		}
	}
	return prev
}

// BatchTipSize is the number of bytes of an encoded BatchTip.
const BatchTipSize = 8 + 32 + 8 + 8

// Append appends the BatchTipSize bytes of t to b.
func (t BatchTip) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, t.Seq)
	b = append(b, t.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, t.Time)
	return binary.BigEndian.AppendUint64(b, t.Height)
}

func (r *reader) batchTip() BatchTip {
	return BatchTip{Seq: r.uint64(), ID: r.hash(), Time: r.uint64(), Height: r.uint64()}
}

// DecodeBatchTip decodes exactly BatchTipSize bytes.
func DecodeBatchTip(b []byte) (BatchTip, error) {
	r := reader{what: "batch tip", buf: b}
	t := r.batchTip()
	return t, r.end()
}

// Encode returns the encoding of u: header state, number of organisations u16,
// their IDs, number of tips u16, and for each the recorder key and the tip.
func (u *Undo) Encode() []byte {
	b := make([]byte, 0, HeaderStateSize+4+32*len(u.Formers)+(32+BatchTipSize)*len(u.Tips))
	b = u.Header.Append(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.Formers)))
	for _, f := range u.Formers {
		b = append(b, f.ID[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.Tips)))
	for _, t := range u.Tips {
		b = t.Tip.Append(append(b, t.Recorder[:]...))
	}
	return b
}

// DecodeUndo decodes exactly one Undo of the network.
func DecodeUndo(n *Network, b []byte) (*Undo, error) {
	r := reader{what: "undo", buf: b}
	u := &Undo{Header: r.headerState(n)}
	for i := int(r.uint16()); i > 0 && r.err == nil; i-- {
		u.Formers = append(u.Formers, Former{ID: r.hash()})
	}
	for i := int(r.uint16()); i > 0 && r.err == nil; i-- {
		u.Tips = append(u.Tips, KeyTip{r.key(), r.batchTip()})
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return u, nil
}
