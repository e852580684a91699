package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// collectAt is how many bytes of deleted large values make it worth while to look for room to give
// back. It is what a value log holds.
const collectAt = valueLogSize

// drop removes side blocks, and notes what that leaves to be collected.
func (m *Manager) drop(w *writer, gone []*sideBlock) {
	garbage := m.garbage
	for _, x := range gone {
		w.dropBlock(x.id)
		m.blocks.remove(x.id)
		if x.size >= valueThreshold {
			garbage += int64(x.size)
		}
	}
	if garbage != m.garbage {
		m.garbage = garbage // too much if this is not written, which does no harm
		w.put(keyGarbage, binary.BigEndian.AppendUint64(nil, uint64(garbage)))
	}
}

// collectEvery is how many blocks there are between two looks while the node runs.
const collectEvery = 100

// collect gives back the room of removed side blocks if there are many and the database knows which
// it is, as it does at the latest when it is opened after it was closed.
func (m *Manager) collect() {
	if m.garbage < collectAt {
		return
	}
	freed, err := m.store.Collect()
	if err == nil && freed {
		m.garbage = 0
		w := m.newWriter()
		w.put(keyGarbage, binary.BigEndian.AppendUint64(nil, 0))
		err = m.commit(w)
	}
	if err != nil {
		m.log.Warn("chain: removed blocks still take up room on the disk", "err", err)
	}
}

func (m *Manager) loadGarbage() error {
	return m.store.View(func(tx Reader) error {
		err := tx.Get(keyGarbage, func(v []byte) error {
			if len(v) != 8 {
				return fmt.Errorf("%w: entry %q has %d bytes", errDamaged, keyGarbage, len(v))
			}
			m.garbage = int64(binary.BigEndian.Uint64(v))
			return nil
		})
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
}
