package consensus

import "encoding/binary"

// Undo is what RevertBlock needs to take a block back.
type Undo struct {
	Header  *HeaderState // before the block
	Formers []Former     // the organisations that its events made or changed, in their order
	// Tips are the tips, before the block, of the series that have batches in it, in order of their
	// first. Where a series had none, all of its Tip is zero.
	Tips []SeriesTip
}

// ApplyBlock returns the state after b, which must be valid on top of s, and how to take it back. s
// stays as it is.
func ApplyBlock(s *State, b *Block) (*State, *Undo) {
	undo := &Undo{Header: s.hs}
	next := &State{hs: s.hs.Next(&b.Header.Header)}
	next.members, undo.Formers = s.members.apply(s.Params(), b.Events, b.Header.Height)
	next.tips, undo.Tips = s.tips.apply(s.Params().Version, b.Batches, b.Header.Height)
	return next, undo
}

// RevertBlock returns the state before the block that led to s and u: it equals the one that
// ApplyBlock was given. s stays as it is.
func RevertBlock(s *State, u *Undo) *State {
	return &State{hs: u.Header, members: s.members.revert(u.Formers), tips: s.tips.revert(u.Tips)}
}

// StateRootAfter returns the state root that the header of a block on top of s must have if it
// holds these events and batches, which must be valid.
func StateRootAfter(s *State, events []OrgEvent, batches []Batch) Hash {
	height := s.Height() + 1
	members, _ := s.members.apply(s.Params(), events, height)
	tips, _ := s.tips.apply(s.Params().Version, batches, height)
	return stateRoot(s.hs.net, members, tips, s.hs.blocks)
}

// Encode returns the encoding of u: header state; number u16 of the organisations that are new and,
// of all in version 2, their IDs, in version 2 with a u8 before each that is 1 if it is new; number
// of tips u16, and for each the recorder key, in version 2 the epoch u64, and the tip.
func (u *Undo) Encode() []byte {
	version := u.Header.net.params.Version
	b := u.Header.Encode()
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.Formers)))
	for _, f := range u.Formers {
		if version >= ParamsV2 {
			b = append(b, boolByte(f.New))
		}
		b = append(b, f.ID[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.Tips)))
	for _, t := range u.Tips {
		b = append(b, t.Recorder[:]...)
		if version >= ParamsV2 {
			b = binary.BigEndian.AppendUint64(b, t.Epoch)
		}
		end := len(b) + t.size(version)
		b = t.Tip.Append(b)
		b = append(b, make([]byte, end-len(b))...) // of a series that had none
	}
	return b
}

func (s *SeriesTip) size(version uint16) int {
	if version >= ParamsV2 {
		return batchTipSizeV2
	}
	return BatchTipSize
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// DecodeUndo decodes exactly one Undo of the network.
func DecodeUndo(n *Network, b []byte) (*Undo, error) {
	version := n.params.Version
	r := reader{what: "undo", buf: b}
	u := &Undo{Header: r.headerState(n)}
	for i := int(r.uint16()); i > 0 && r.err == nil; i-- {
		f := Former{New: true}
		if version >= ParamsV2 {
			f.New = r.flag()
		}
		f.ID = r.hash()
		u.Formers = append(u.Formers, f)
	}
	for i := int(r.uint16()); i > 0 && r.err == nil; i-- {
		s := Series{Recorder: r.key()}
		if version >= ParamsV2 {
			s.Epoch = r.uint64()
		}
		u.Tips = append(u.Tips, SeriesTip{s, r.batchTip(version)})
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return u, nil
}
