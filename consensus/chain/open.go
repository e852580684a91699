package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"

	"cairn/consensus"
)

// Open returns the Manager of the network that g begins, on a database from
// OpenDB. An empty database is given the genesis block; one of another network
// is refused. If a process was killed in the middle of a reorganisation, it is
// finished first. The caller closes db when nothing uses the Manager any more.
func Open(db *badger.DB, g *consensus.Genesis, log *slog.Logger) (*Manager, error) {
	initial := g.State()
	m := &Manager{db: db, genesis: g, network: initial.Network(), log: log, room: roomFor(db), stepLimit: stepLimit}
	var stored consensus.Hash
	err := db.View(func(txn *badger.Txn) (err error) {
		stored, err = getHash(txn, keyNetwork)
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
		return nil, fmt.Errorf("the chain directory belongs to another network (genesis %s, expected %s): give this network a directory of its own", stored, g.Block.ID())
	}
	if err := m.reload(); err != nil {
		return nil, err
	}
	return m, nil
}

// reload takes the state from the store and finishes what was cut short there.
func (m *Manager) reload() error {
	if err := m.load(); err != nil {
		return err
	}
	if err := m.resume(); err != nil {
		return fmt.Errorf("finish the reorganisation that was cut short: %w", err)
	}
	m.stale = false
	return nil
}

// begin stores genesis.
func (m *Manager) begin(s *consensus.State) error {
	b := &m.genesis.Block
	w := m.newWriter()
	w.put(keyNetwork, hashBytes(b.ID()))
	w.putBlock(b, node{state: s.HeaderState()})
	w.put(keyOfHeight(0), hashBytes(b.ID()))
	w.putEntries(s, s, b)
	w.put(keyTip, hashBytes(b.ID()))
	m.state.Store(s)
	return w.close()
}

// load reads the state after the stored tip.
func (m *Manager) load() error {
	return m.db.View(func(txn *badger.Txn) error {
		tip, err := getHash(txn, keyTip)
		if err != nil {
			return fmt.Errorf("%w: no tip: %v", errDamaged, err)
		}
		n, err := getNode(txn, m.network, tip)
		if err != nil {
			return fmt.Errorf("%w: tip %s: %v", errDamaged, tip, err)
		}
		var orgs []*consensus.Org
		err = scan(txn, prefixOrg, 32, func(_, v []byte) error {
			o, err := consensus.DecodeOrg(m.network, v)
			orgs = append(orgs, o)
			return err
		})
		if err != nil {
			return fmt.Errorf("%w: member table: %v", errDamaged, err)
		}
		var past []*consensus.Past
		err = scan(txn, prefixPast, 4, func(key, v []byte) error {
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
		err = scan(txn, prefixTip, size, func(key, v []byte) error {
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
func scan(txn *badger.Txn, prefix byte, size int, use func(key, value []byte) error) error {
	opt := badger.DefaultIteratorOptions
	opt.Prefix = []byte{prefix}
	it := txn.NewIterator(opt)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		key := item.Key()[1:]
		if len(key) != size {
			return fmt.Errorf("%w: key %x", errDamaged, item.Key())
		}
		if err := item.Value(func(v []byte) error { return use(key, v) }); err != nil {
			return err
		}
	}
	return nil
}

// resume finishes a reorganisation of which only a part was committed.
func (m *Manager) resume() error {
	var target node
	err := m.db.View(func(txn *badger.Txn) error {
		id, err := getHash(txn, keyTarget)
		if err != nil {
			return err
		}
		target, err = getNode(txn, m.network, id)
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
