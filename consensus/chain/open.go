package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"

	"cairn/consensus"
)

// Open is OpenStore on a database from OpenDB. The caller closes db when nothing
// uses the Manager any more.
func Open(db *badger.DB, g *consensus.Genesis, log *slog.Logger) (*Manager, error) {
	return OpenStore(OnDisk(db), g, log)
}

// OpenStore returns the Manager of the network that g begins. An empty store is
// given the genesis block; one of another network or a later format is refused,
// one of an earlier format is brought to this one. If a process was killed in
// the middle of a reorganisation, it is finished first.
func OpenStore(store Store, g *consensus.Genesis, log *slog.Logger) (*Manager, error) {
	initial := g.State()
	m := &Manager{store: store, genesis: g, network: initial.Network(), log: log, room: store.Room, stepLimit: stepLimit,
		limits: sideLimits{sideBlocks, sideBytes, orgSideBlocks, orgSideBytes}}
	format, err := storedFormat(store)
	if err != nil {
		return nil, err
	}
	var stored consensus.Hash
	err = store.View(func(tx Reader) (err error) {
		stored, err = getHash(tx, keyNetwork)
		return err
	})
	switch {
	case errors.Is(err, ErrNotFound):
		if err := m.begin(initial); err != nil {
			return nil, err
		}
		return m, nil
	case err != nil:
		return nil, err
	case stored != g.Block.ID():
		return nil, &ForeignError{What: fmt.Sprintf("it is the chain of another network (genesis %s, and this one's is %s)", stored, g.Block.ID())}
	}
	if err := m.reload(); err != nil {
		return nil, err
	}
	if err := m.migrate(format); err != nil {
		return nil, err
	}
	if err := m.loadGarbage(); err != nil {
		return nil, err
	}
	m.collect()
	return m, nil
}

// ForeignError tells of a chain that is well, and of another network or a later version of the
// program.
type ForeignError struct {
	What  string // as a sentence without full stop
	Later bool   // else it is of another network
}

func (e *ForeignError) Error() string { return e.What }

// reload takes the state from the store and finishes what was cut short there.
func (m *Manager) reload() error {
	if err := m.load(); err != nil {
		return err
	}
	if err := m.resume(); err != nil {
		return fmt.Errorf("finish the reorganisation that was cut short: %w", err)
	}
	if err := m.loadSides(); err != nil {
		return err
	}
	m.stale = false
	return nil
}

// begin stores genesis.
func (m *Manager) begin(s *consensus.State) error {
	b := &m.genesis.Block
	w := m.newWriter()
	w.put(keyNetwork, hashBytes(b.ID()))
	w.putFormat()
	w.putBlock(b, node{state: s.HeaderState()})
	w.put(keyOfHeight(0), hashBytes(b.ID()))
	w.putEntries(s, s, b)
	w.put(keyTip, hashBytes(b.ID()))
	m.state.Store(s)
	return w.close()
}

// load reads the state after the stored tip.
func (m *Manager) load() error {
	return m.store.View(func(tx Reader) error {
		tip, err := getHash(tx, keyTip)
		if err != nil {
			return fmt.Errorf("%w: no tip: %v", errDamaged, err)
		}
		n, err := getNode(tx, m.network, tip)
		if err != nil {
			return fmt.Errorf("%w: tip %s: %v", errDamaged, tip, err)
		}
		var orgs []*consensus.Org
		err = scan(tx, prefixOrg, 32, func(_, v []byte) error {
			o, err := consensus.DecodeOrg(m.network, v)
			orgs = append(orgs, o)
			return err
		})
		if err != nil {
			return fmt.Errorf("%w: member table: %v", errDamaged, err)
		}
		var past []*consensus.Past
		err = scan(tx, prefixPast, 4, func(key, v []byte) error {
			if number := binary.BigEndian.Uint32(key); int(number) != len(past) {
				return fmt.Errorf("entry %d instead of %d", number, len(past))
			}
			p, err := consensus.DecodePast(m.network, v)
			past = append(past, p)
			return err
		})
		if err != nil {
			return fmt.Errorf("%w: former members: %v", errDamaged, err)
		}
		var tips []consensus.SeriesTip
		size := 32
		if m.network.Params().Version >= consensus.ParamsV2 {
			size += 8
		}
		err = scan(tx, prefixTip, size, func(key, v []byte) error {
			s := consensus.Series{Recorder: consensus.Key(key[:32])}
			if size > 32 {
				s.Epoch = binary.BigEndian.Uint64(key[32:])
			}
			t, err := consensus.DecodeBatchTip(m.network, v)
			tips = append(tips, consensus.SeriesTip{Series: s, Tip: t})
			return err
		})
		if err != nil {
			return fmt.Errorf("%w: batch tips: %v", errDamaged, err)
		}
		s, err := consensus.NewState(n.state, orgs, past, tips)
		if err != nil {
			return fmt.Errorf("%w: %v", errDamaged, err)
		}
		m.state.Store(s)
		return nil
	})
}

// scan calls use for every entry of a prefix, whose keys have so many bytes
// behind it. Neither key nor value may be kept.
func scan(tx Reader, prefix byte, size int, use func(key, value []byte) error) error {
	return tx.Scan([]byte{prefix}, func(key, value []byte) error {
		if len(key) != 1+size {
			return fmt.Errorf("%w: key %x", errDamaged, key)
		}
		return use(key[1:], value)
	})
}

// resume finishes a reorganisation of which only a part was committed.
func (m *Manager) resume() error {
	var target node
	err := m.store.View(func(tx Reader) error {
		id, err := getHash(tx, keyTarget)
		if err != nil {
			return err
		}
		target, err = getNode(tx, m.network, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.reorganise(target, nil)
}
