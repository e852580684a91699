package recorder

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

var quiet = slog.New(slog.DiscardHandler)

// late is a wall clock at which every block of these tests is in the past.
var late = chaintest.GenesisTime.AddDate(1, 0, 0)

// fixture is what tests, benchmarks and the process that gets killed share of
// testing.TB.
type fixture interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// queue is a durable queue in the mail store that does not let an entry be
// sealed twice.
type queue struct {
	store   *mailstore.Store
	wake    chan struct{}
	padding int              // small values that each sealed entry takes beside its token
	broken  map[uint64]error // of Raw, by entry
	held    map[uint64]bool
	busy    map[uint64]bool // an attempt to deliver is under way
}

func newQueue(store *mailstore.Store) *queue {
	return &queue{store: store, wake: make(chan struct{}, 1), held: make(map[uint64]bool), busy: make(map[uint64]bool)}
}

const queueSpace = "test-queue"

// entryOf reads the id at the end of a key.
func entryOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

func queueKey(table byte, id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{table}, id) }

func (q *queue) Unsealed(after uint64, most int) ([]Entry, error) {
	var out []Entry
	err := q.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(queueSpace)
		return sp.Scan([]byte("u"), queueKey('u', after+1), func(key, value []byte) bool {
			var e Entry
			_ = json.Unmarshal(value, &e)
			out = append(out, e)
			return len(out) < most
		})
	})
	return out, err
}

func (q *queue) Raw(e Entry) (raw []byte, err error) {
	if err := q.broken[e.ID]; err != nil {
		return nil, err
	}
	err = q.store.View(func(rd *mailstore.Reader) error {
		raw, err = rd.Raw(e.Blob)
		return err
	})
	return raw, err
}

func (q *queue) Seal(tx *mailstore.Tx, id uint64, token []byte) error {
	sp := tx.Space(queueSpace)
	value, err := sp.Get(queueKey('u', id))
	if errors.Is(err, mailstore.ErrNotFound) {
		if sealed, err := sp.Has(queueKey('s', id)); err != nil || sealed {
			return fmt.Errorf("entry %d is sealed twice (%w)", id, err)
		}
		return outbox.ErrGone
	}
	if err != nil {
		return err
	}
	for i := range q.padding {
		if err := sp.Put(append(queueKey('p', id), byte(i)), make([]byte, 900)); err != nil {
			return err
		}
	}
	return errors.Join(
		sp.Delete(queueKey('u', id)),
		sp.Put(queueKey('s', id), token),
		sp.Put(queueKey('v', id), value),
	)
}

func (q *queue) Sealed(after uint64, most int) ([]Entry, error) {
	var out []Entry
	err := q.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(queueSpace)
		return sp.Scan([]byte("s"), queueKey('s', after+1), func(key, token []byte) bool {
			value, _ := sp.Get(queueKey('v', entryOf(key)))
			var e Entry
			_ = json.Unmarshal(value, &e)
			e.Token = bytes.Clone(token)
			out = append(out, e)
			return len(out) < most
		})
	})
	return out, err
}

func (q *queue) Hold(ids []uint64) (free []uint64) {
	for _, id := range ids {
		q.held[id] = true
		if !q.busy[id] {
			free = append(free, id)
		}
	}
	return free
}

func (q *queue) Release(ids []uint64) {
	for _, id := range ids {
		delete(q.held, id)
	}
}

func (q *queue) Unseal(tx *mailstore.Tx, id uint64) error {
	if q.busy[id] || !q.held[id] {
		return fmt.Errorf("the token of entry %d is taken back while it may be on its way", id)
	}
	sp := tx.Space(queueSpace)
	value, err := sp.Get(queueKey('v', id))
	if errors.Is(err, mailstore.ErrNotFound) {
		return outbox.ErrGone
	}
	return errors.Join(err,
		sp.Delete(queueKey('s', id)),
		sp.Delete(queueKey('v', id)),
		sp.Put(queueKey('u', id), value),
	)
}

func (q *queue) Wake() <-chan struct{} { return q.wake }

// sealed returns the tokens by entry.
func (q *queue) sealed() (map[uint64]*record.Token, error) {
	tokens := make(map[uint64]*record.Token)
	err := q.store.View(func(rd *mailstore.Reader) error {
		var bad error
		err := rd.Space(queueSpace).Scan([]byte("s"), nil, func(key, value []byte) bool {
			t, found, err := record.FindToken(value)
			if err != nil || !found {
				bad = fmt.Errorf("entry %x has no token: %w", key, err)
			}
			tokens[entryOf(key)] = t
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	return tokens, err
}

// office is a sending node of the founder, without its network.
type office struct {
	fixture
	dir     string
	net     *chaintest.Network
	db      interface{ Close() error }
	chain   *chain.Manager
	store   *mailstore.Store
	queue   *queue
	rec     *Recorder
	former  []ed25519.PrivateKey // keys that the node had before
	sent    []*consensus.Batch   // submitted, in order
	nextID  uint64
	blocks  int
	now     time.Time
	skew    time.Duration // of the clock that the recorder goes by
	refused int           // batches that were submitted when no block could take them
	behind  bool          // the chain lacks blocks that exist elsewhere
	local   bool          // what is submitted is for own accounts
}

func openOffice(t fixture, dir string, orgs int) *office {
	t.Helper()
	return openOfficeIn(t, dir, chaintest.New(orgs))
}

func openOfficeIn(t fixture, dir string, net *chaintest.Network) *office {
	t.Helper()
	o := &office{fixture: t, dir: dir, net: net, now: chaintest.GenesisTime}
	o.openChain("chain")
	var err error
	o.store, err = mailstore.Open(filepath.Join(dir, "mail"), quiet)
	o.must(err)
	o.queue = newQueue(o.store)
	o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("jo", []string{"jo@org1.example"})
		if errors.Is(err, mailstore.ErrExists) {
			return nil
		}
		return err
	}))
	o.restart(0)
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(queueSpace).Scan(nil, nil, func(key, _ []byte) bool {
			o.nextID = max(o.nextID, entryOf(key))
			return true
		})
	}))
	return o
}

func (o *office) openChain(name string) {
	o.Helper()
	db, err := chain.OpenDB(filepath.Join(o.dir, name), quiet)
	o.must(err)
	o.db = db
	o.chain, err = chain.Open(db, o.net.Genesis, quiet)
	o.must(err)
}

// restart makes a new recorder with the key of organisation org.
func (o *office) restart(org int) {
	known := func(*consensus.State) bool { return !o.behind }
	o.rec = New(o.store, o.queue, o.chain, o.net.Orgs[org].Recorder, o.former, known, func(b *consensus.Batch) { o.sent = append(o.sent, b) }, quiet)
	o.rec.SetNode(consensus.PublicKey(o.net.Orgs[0].Node), o.rec.ours)
	o.must(o.rec.Begin())
}

func (o *office) close() { o.Helper(); o.must(o.store.Close()); o.must(o.db.Close()) }

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// submit queues n messages of records entries each, to one recipient unless others are given, and
// returns the copies.
func (o *office) submit(n, records int, raw []byte, to ...string) (refs []mailstore.Ref) {
	o.Helper()
	for len(refs) < n {
		var some []mailstore.Ref
		id := o.nextID
		o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
			some, id = nil, o.nextID
			blob, err := tx.PutBlob(raw)
			if err != nil {
				return err
			}
			for range min(n-len(refs), max(1, 256/records)) {
				m, err := tx.AddMessage(mailstore.Message{Account: 1, Blob: blob, Received: o.now, Outgoing: true}, []string{"sent"})
				if err != nil {
					return err
				}
				some = append(some, mailstore.Ref{Account: 1, Message: m})
				for i := range records {
					id++
					rcpts := to
					if to == nil {
						rcpts = []string{fmt.Sprintf("ann@d%d.example", i)}
					}
					e := Entry{ID: id, Recipients: rcpts, Blob: blob, Sent: mailstore.Ref{Account: 1, Message: m}, Local: o.local}
					b, err := json.Marshal(e)
					if err != nil {
						return err
					}
					if err := tx.Space(queueSpace).Put(queueKey('u', id), b); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		refs, o.nextID = append(refs, some...), id
	}
	return refs
}

// arrived takes a recipient out of an entry.
func (o *office) arrived(id uint64, rcpt string) {
	o.Helper()
	o.must(o.store.Update(context.Background(), func(tx *mailstore.Tx) error {
		sp := tx.Space(queueSpace)
		value, err := sp.Get(queueKey('v', id))
		if err != nil {
			return err
		}
		var e Entry
		_ = json.Unmarshal(value, &e)
		e.Recipients = slices.DeleteFunc(e.Recipients, func(r string) bool { return r == rcpt })
		value, _ = json.Marshal(e)
		return sp.Put(queueKey('v', id), value)
	}))
}

// step lets half a second pass and the recorder work.
func (o *office) step() error {
	o.now = o.now.Add(sealEvery)
	_, err := o.rec.step(context.Background(), o.now.Add(o.skew))
	return err
}

// mine adds a block on top of s with the batches that o.sent has and s does
// not, up to so many.
func (o *office) mine(s *consensus.State, limit int) *consensus.State {
	o.Helper()
	tips := make(map[consensus.Series]uint64)
	var body chaintest.Body
	for _, b := range o.sent {
		series := b.Series()
		if _, seen := tips[series]; !seen {
			tip, _ := s.BatchTip(series)
			tips[series] = tip.Seq
		}
		if b.Seq != tips[series]+1 || len(body.Batches) >= min(limit, window) {
			continue
		}
		with := append(body.Batches[:len(body.Batches):len(body.Batches)], *b)
		if errs := consensus.ValidateBatches(s, nil, with); s.Params().HasEpochs() && errs[len(errs)-1] != nil {
			o.refused++ // an epoch too early
			continue
		}
		body.Batches = with
		tips[series]++
	}
	return o.add(s, body)
}

func (o *office) add(s *consensus.State, body chaintest.Body) *consensus.State {
	o.Helper()
	o.blocks++
	body.Time = o.now.Add(time.Duration(o.blocks) * time.Millisecond)
	b := o.net.Mine(s, 0, body)
	if _, err := o.chain.AddBlock(b, late); err != nil {
		o.Fatal(err)
	}
	next, _ := consensus.ApplyBlock(s, b)
	return next
}

// age adds n blocks at the pace of the network.
func (o *office) age(n int) {
	o.Helper()
	for range n {
		o.now = o.now.Add(chaintest.Interval)
		o.mine(o.chain.State(), window)
	}
}

// recorded counts the copies that bear the label.
func (o *office) recorded(refs ...mailstore.Ref) (n int) {
	o.Helper()
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		for _, r := range refs {
			labels, err := rd.Labels(r.Account, r.Message)
			if err != nil {
				return err
			}
			for _, l := range labels {
				if l == LabelRecorded {
					n++
				}
			}
		}
		return nil
	}))
	return n
}

// micros returns what was signed for each batch, from the store.
func (o *office) micros() map[number][]consensus.MicroRoot {
	o.Helper()
	all := make(map[number][]consensus.MicroRoot)
	last := make(map[uint64]consensus.Hash) // by epoch
	var formers []former
	open := openBatch{Seq: 1}
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		if _, err := sp.JSON([]byte(keyOpen), &open); err != nil {
			return err
		}
		var bad, err error
		if formers, err = readFormers(sp); err != nil {
			return err
		}
		err = sp.Scan([]byte("batch/"), nil, func(key, value []byte) bool {
			b, err := consensus.DecodeBatch(value)
			if err == nil {
				err = consensus.CheckBatch(o.chain.State().Params(), o.chain.State().ChainID(), b)
			}
			if prev, follows := last[b.Epoch]; err == nil && follows && b.Prev != prev {
				err = fmt.Errorf("batch %d does not follow the one before", b.Seq)
			}
			if err != nil {
				bad = err
				return false
			}
			all[number{b.Epoch, b.Seq}], last[b.Epoch] = b.Micros, b.ID()
			return true
		})
		for _, o := range epochs(formers, &open) {
			if prev, follows := last[o.Epoch]; follows && o.Prev != prev {
				err = errors.Join(err, fmt.Errorf("the open batch %d does not follow the last one", o.Seq))
			}
		}
		return errors.Join(err, bad)
	}))
	for _, o := range epochs(formers, &open) {
		all[o.number()] = o.Micros
	}
	return all
}

// check checks that each token has a place of its own in what was signed, and
// returns how many there are.
func (o *office) check() int {
	o.Helper()
	tokens, err := o.queue.sealed()
	o.must(err)
	micros := o.micros()
	type place struct {
		batch       number
		micro, leaf uint16
	}
	taken := make(map[place]uint64)
	for id, t := range tokens {
		p := place{number{t.Record.Epoch, t.Seq}, t.Micro, t.Leaf}
		if other, twice := taken[p]; twice {
			o.Fatalf("entries %d and %d share %+v", id, other, p)
		}
		taken[p] = id
		if signed := micros[p.batch]; int(t.Micro) >= len(signed) || signed[t.Micro] != t.MicroRoot() || !t.VerifySignature() {
			o.Fatalf("the token of entry %d does not fit what was signed", id)
		}
	}
	return len(tokens)
}

// copies counts the entries of each sent copy.
func (o *office) copies() map[mailstore.Ref]int {
	o.Helper()
	count := make(map[mailstore.Ref]int)
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(queueSpace).Scan([]byte("v"), nil, func(_, value []byte) bool {
			var e Entry
			if err := json.Unmarshal(value, &e); err != nil {
				o.Fatal(err)
			}
			count[e.Sent]++
			return true
		})
	}))
	return count
}
