package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// A step brings a store from one format to the next. It works in batches, and each of them notes in
// metaMigration how far it came, in the transaction of what it wrote: after a kill at any point the
// next start goes on behind that. The first batch sets the store's format to the next one, so that
// no program of the earlier one takes a store on its way for its own.
type step struct {
	from uint32
	// next adds what is to be written behind the key cursor (nil at the beginning) to o, as much as
	// one transaction holds, and returns the last key that it has dealt with; nil when nothing is
	// left.
	next func(s *Store, cursor []byte, o *overlay) ([]byte, error)
}

// ladder has a step for each format before ours, in order.
var ladder = []step{
	{1, (*Store).sealNext},
	{2, (*Store).supersedeNext},
}

// migration is where a store stands on its way to another format.
type migration struct {
	from   uint32
	cursor []byte
}

func (m migration) encode() []byte { return append(encodeFormat(m.from), m.cursor...) }

// migrationUnderway reads metaMigration.
func (s *snapshot) migrationUnderway() (m migration, underway bool, err error) {
	b, err := s.get(metaMigration)
	switch {
	case errors.Is(err, ErrNotFound):
		return m, false, nil
	case err != nil:
		return m, false, err
	case len(b) < 4:
		return m, false, damagedAt(s.dir, metaMigration, "it is too short")
	}
	return migration{binary.BigEndian.Uint32(b), b[4:]}, true, nil
}

// migrate brings a store of the given format up to ours.
func (s *Store) migrate(format uint32) error { return s.migrateWith(format, ladder, s.write) }

// migrateWith climbs the steps of a ladder; commit makes a batch durable.
func (s *Store) migrateWith(format uint32, ladder []step, commit func(*overlay) error) error {
	at := migration{from: format}
	if format > 1 {
		base := s.snapshot()
		underway, is, err := base.migrationUnderway()
		base.close()
		if err != nil {
			return err
		}
		if is {
			at = underway
		}
	}
	for _, step := range ladder {
		if step.from < at.from {
			continue
		}
		if step.from > at.from {
			at = migration{from: step.from}
		}
		if err := s.climb(step, at, commit); err != nil {
			return fmt.Errorf("mailstore: bringing %s from store format %d to %d stopped and goes on at the next start: %w", s.dir, step.from, step.from+1, err)
		}
	}
	return nil
}

// progressEvery is how often a long migration says how far it came.
const progressEvery = 10 * time.Second

// climb takes one step, from where it stands.
func (s *Store) climb(step step, at migration, commit func(*overlay) error) error {
	s.log.Info("mail store: changing its format; do not use an earlier version of cairn with it from now on", "format", step.from, "new_format", step.from+1)
	told, written := time.Now(), 0
	for {
		o := newOverlay(nil)
		cursor, err := step.next(s, at.cursor, o)
		if err != nil {
			return err
		}
		at.cursor = bytes.Clone(cursor)
		written += len(o.writes)
		o.set(string(metaVersion), write{value: encodeFormat(step.from + 1)})
		o.set(string(metaMigration), write{value: at.encode(), deleted: cursor == nil})
		if err := commit(o); err != nil {
			return err
		}
		if cursor == nil {
			s.log.Info("mail store: its format is changed", "format", step.from+1, "values", written)
			return nil
		}
		if time.Since(told) >= progressEvery {
			told = time.Now()
			s.log.Info("mail store: still changing its format", "values", written)
		}
	}
}

// sealBatch bounds the bytes of keys and values that are sealed in one transaction.
const sealBatch = 1 << 20

// sealNext is the step from format 1 to 2: each value but those of blobs gets its checksum. One
// that is no value of format 1 stays as it is, so that it is found to be damaged whenever it is
// read.
func (s *Store) sealNext(cursor []byte, o *overlay) ([]byte, error) {
	return s.sealSome(cursor, o, sealBatch)
}

// sealSome is sealNext with at most so many bytes.
func (s *Store) sealSome(cursor []byte, o *overlay, most int64) (last []byte, err error) {
	base := s.snapshot()
	defer base.close()
	defer base.contain(cursor, &err)
	it := base.txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	if cursor != nil {
		cursor = append(bytes.Clone(cursor), 0)
	}
	for it.Seek(cursor); it.Valid(); it.Next() {
		item := it.Item()
		key := item.KeyCopy(nil)
		if isBlob(key) {
			it.Seek([]byte{tableBlob + 1})
			if !it.Valid() {
				break
			}
			item = it.Item()
			key = item.KeyCopy(nil)
		}
		if bytes.Equal(key, metaVersion) || bytes.Equal(key, metaMigration) {
			continue
		}
		value, err := item.ValueCopy(nil)
		if err != nil {
			return nil, base.readError(key, err)
		}
		if why := misshapen(key, value, item.ValueSize()); why != "" {
			s.log.Error("mail store: a value was damaged before the format was changed, and stays so", "err", damagedAt(s.dir, key, why))
			last = key
			continue
		}
		own := newOverlay(nil)
		own.set(string(key), write{value: value})
		if len(o.writes) > 0 && (o.bytes+own.bytes > most || !s.fit(o, own)) {
			return last, nil
		}
		o.absorb(own)
		last = key
	}
	return nil, nil
}

// supersedeNext is the step from format 2 to 3: the label set of each message is told its changes,
// and the journal keeps what still counts of them. What is damaged stays as it is.
func (s *Store) supersedeNext(cursor []byte, o *overlay) ([]byte, error) {
	return s.supersedeSome(cursor, o, sealBatch)
}

// supersedeSome is supersedeNext with at most so many bytes.
func (s *Store) supersedeSome(cursor []byte, o *overlay, most int64) (last []byte, err error) {
	base := s.snapshot()
	defer base.close()
	tx := newTx(newOverlay(base), 0)
	from := []byte{tableJournal}
	if cursor != nil {
		from = append(bytes.Clone(cursor), 0)
	}
	full := false
	var failed error
	err = base.walk([]byte{tableJournal}, from, func(key, value []byte, bad *DamagedError) bool {
		if full = tx.own.bytes > most || !s.fit(o, tx.own); full {
			return false
		}
		last = bytes.Clone(key)
		c, err := decodeChange(changeAt(key), value)
		if bad == nil && err != nil {
			bad = damagedAt(s.dir, key, err.Error())
		}
		if bad == nil {
			bad, failed = tx.settle(c)
		}
		if bad != nil {
			s.log.Error("mail store: a value was damaged before the format was changed, and stays so", "err", bad)
		}
		return failed == nil
	})
	if err = firstOf(err, failed); err != nil {
		return nil, err
	}
	o.absorb(tx.own)
	if !full {
		last = nil
	}
	return last, nil
}

// settle tells the label row of a message of the next of its changes; of one that is gone nothing
// is left but that it was removed. Of a row that is damaged it says so once, with the arrival.
func (tx *Tx) settle(c Change) (bad *DamagedError, err error) {
	row, err := storedRow(tx.src, c.Ref())
	switch {
	case c.Kind == ChangeRemoved:
		return nil, nil
	case damaged(err):
		if c.Kind == ChangeAdded {
			bad = tx.src.damaged(messageKey(tableLabels, c.Account, c.Message), "it was before")
		}
		return bad, nil
	case errors.Is(err, ErrNotFound):
		there, err := tx.src.has(messageKey(tableMessage, c.Account, c.Message))
		if !there && err == nil {
			err = tx.supersede(c.Ref(), c.ModSeq)
		}
		return nil, err
	case err != nil:
		return nil, err
	}
	if c.Kind == ChangeAdded {
		row.added, row.changed = c.ModSeq, c.ModSeq
		return nil, tx.putRow(c.Ref(), row)
	}
	before := row
	row.changed = c.ModSeq
	if before.changed != before.added {
		err = tx.supersede(c.Ref(), before.changed)
	} else if before.added != 0 {
		err = tx.putChange(row.change(c.Ref(), before.added))
	}
	return nil, errors.Join(err, tx.putRow(c.Ref(), row))
}

// misshapen says why a value is none of its table, or "". size is that of the value as it was
// stored: Badger gives nothing for one that it cannot read.
func misshapen(key, value []byte, size int64) string {
	if len(value) == 0 && size > 0 {
		return nothingRead
	}
	var err error
	switch key[0] {
	case tableAccount:
		_, err = decodeAccount(0, value)
	case tableMessage:
		_, err = decodeMessage(0, 0, value)
	case tableLabels:
		_, err = decodeLabelRow(value)
	case tableJournal:
		_, err = decodeChange(0, value)
	case tableName, tableAddress, tableLastID, tableCount:
		_, err = decodeUint64(value)
	case tableMeta:
		if !slices.Contains([]int{4, 8, 16}, len(value)) {
			return "its length is another one"
		}
	case tableSetting:
		if len(value) == 0 {
			return nothingRead
		}
	}
	if err != nil {
		return "it cannot be taken apart"
	}
	return ""
}
