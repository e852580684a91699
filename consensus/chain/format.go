package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
)

// storeFormat is the number of the format that the package comment describes.
//
//	1   version 0.1.0: no format entry; side blocks are not listed and not bounded
//	2   entries s, m format and m garbage
const storeFormat = 2

// storedFormat returns the format of a store, that of this program if it is empty; an error if it
// is a later one.
func storedFormat(store Store) (format uint32, err error) {
	err = store.View(func(tx Reader) error {
		begun, err := has(tx, keyNetwork)
		if err != nil || !begun {
			format = storeFormat
			return err
		}
		err = tx.Get(keyFormat, func(v []byte) error {
			if len(v) != 4 {
				return fmt.Errorf("%w: entry %q has %d bytes", errDamaged, keyFormat, len(v))
			}
			format = binary.BigEndian.Uint32(v)
			return nil
		})
		if errors.Is(err, ErrNotFound) {
			format, err = 1, nil
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if format == 0 || format > storeFormat {
		return 0, &ForeignError{Later: true, What: fmt.Sprintf(
			"it has chain format %d, and this program knows those up to %d: it was written by a later version of cairn", format, storeFormat)}
	}
	return format, nil
}

func (w *writer) putFormat() { w.put(keyFormat, binary.BigEndian.AppendUint32(nil, storeFormat)) }

// migrate brings a store to this format. Killed half way, it begins again.
func (m *Manager) migrate(format uint32) error {
	if format == storeFormat {
		return nil
	}
	m.log.Info("the chain database is brought to another format", "format", format, "new_format", storeFormat)
	if err := m.listSides(); err != nil {
		return fmt.Errorf("bring the chain database to format %d: %w", storeFormat, err)
	}
	w := m.newWriter()
	w.putFormat()
	if err := w.close(); err != nil {
		return err
	}
	return m.loadSides()
}

// listSides makes the entries of side blocks near the tip, and removes other side blocks.
func (m *Manager) listSides() error {
	near, far, err := m.unlisted()
	if err != nil {
		return err
	}
	w := m.newWriter()
	for _, x := range near {
		w.put(keyOf(prefixSide, x.id), x.encode())
		w.step()
	}
	for chunk := range slices.Chunk(far, maxDrops) {
		m.drop(w, chunk)
		w.step()
	}
	return w.close()
}

// unlisted looks through all blocks for those beside the best branch.
func (m *Manager) unlisted() (near, far []*sideBlock, err error) {
	s := m.State()
	err = m.store.View(func(tx Reader) error {
		return scan(tx, prefixNode, 32, func(key, v []byte) error {
			n, err := decodeNode(m.network, consensus.Hash(key), v)
			if err != nil {
				return err
			}
			if on, err := onBest(tx, Index{Height: n.state.Height(), ID: n.state.ID()}); on || err != nil {
				return err
			}
			b, err := m.block(tx, n.state.ID())
			if err != nil {
				return err
			}
			if x := newSideBlock(s, b, n); x.height+sideDepth < s.Height() {
				far = append(far, x)
			} else {
				near = append(near, x)
			}
			return nil
		})
	})
	return near, far, err
}
