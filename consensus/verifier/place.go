package verifier

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

// placement is where a batch stands on the chain, as far as the verifier has
// followed it: the block, and the micro-roots that count at its number.
type placement struct {
	block  chain.Index
	micros []consensus.MicroRoot
}

func placeKey(recorder consensus.Key, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte("place/"), recorder[:]...), seq)
}

// encode gives height u64, block id, then the micro-roots.
func (p *placement) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, p.block.Height)
	b = append(b, p.block.ID[:]...)
	for _, m := range p.micros {
		b = m.Append(b)
	}
	return b
}

func decodePlacement(b []byte) (*placement, error) {
	const head = 8 + len(consensus.Hash{})
	if len(b) < head || (len(b)-head)%consensus.MicroSize != 0 {
		return nil, fmt.Errorf("stored placement has %d bytes", len(b))
	}
	p := new(placement)
	p.block.Height = binary.BigEndian.Uint64(b)
	copy(p.block.ID[:], b[8:])
	for b = b[head:]; len(b) > 0; b = b[consensus.MicroSize:] {
		var m consensus.MicroRoot
		n := copy(m.Root[:], b)
		m.Count = binary.BigEndian.Uint16(b[n:])
		p.micros = append(p.micros, m)
	}
	return p, nil
}

// placeOf returns where the batch of recorder numbered seq stands; nil if
// nowhere.
func placeOf(sp mailstore.SpaceReader, recorder consensus.Key, seq uint64) (*placement, error) {
	b, err := sp.Get(placeKey(recorder, seq))
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodePlacement(b)
}
