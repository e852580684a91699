package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/mailstore"
)

// format is the layout of the queue's keys. A queue of format 1, which had no number, is brought up
// by Upgrade.
const format = 2

// Of counts, the first octet.
const (
	formatWhole = format
	formatGrows = 1 // Upgrade has not reached all entries yet
)

// counts are the lengths of the queue, kept in the transactions that change them.
type counts struct {
	all      uint64
	unsealed uint64 // wait for their token
	deferred uint64 // were tried without success

	stamp uint64 // names the last mark that a head was given
	first uint64 // no entry before the one with this id waits for its token
	done  uint64 // the last entry that Upgrade has reached; of a whole queue 0
	whole bool
}

var (
	errCounts = errors.New("the queue in the mail store is damaged: " + mailstore.NextCheck)
	errOld    = errors.New("the queue in the mail store is of an earlier version, and was not brought up yet: start the node")
)

// ErrLater: a later version of the program wrote the queue, which is to be used.
var ErrLater = errors.New("the queue in the mail store was written by a later version of Cairn")

func (c *counts) encode() []byte {
	b := []byte{formatWhole}
	if !c.whole {
		b[0] = formatGrows
	}
	for _, n := range []uint64{c.all, c.unsealed, c.deferred, c.stamp, c.first, c.done} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeCounts(b []byte) (counts, error) {
	d := decoder{b: b}
	version := d.uint(255)
	if !d.bad && version > format {
		return counts{}, fmt.Errorf("%w (format %d, known are those up to %d)", ErrLater, version, format)
	}
	var n [6]uint64 // as encode lists them
	for i := range n {
		n[i] = d.uint(1<<64 - 1)
	}
	c := counts{n[0], n[1], n[2], n[3], n[4], n[5], version == formatWhole}
	if d.bad || len(d.b) > 0 || version == 0 || c.unsealed > c.all || c.deferred > c.all || c.whole && c.done != 0 {
		return counts{}, fmt.Errorf("counts: %w", errCounts)
	}
	return c, nil
}

// stored reads the counts as they are, of a queue that Upgrade has not reached as of one without
// entries. Where they are damaged, or gone although entries were counted, the error is spoilt.
func stored(sp mailstore.SpaceReader) (counts, error) {
	b, err := sp.Get(countsKey)
	if err == nil {
		return decodeCounts(b)
	}
	if !errors.Is(err, mailstore.ErrNotFound) {
		return counts{}, err
	}
	counted, err := holds(sp, 'l', nil)
	if err != nil {
		return counts{}, err
	}
	if counted {
		return counts{}, fmt.Errorf("counts are gone: %w", errCounts)
	}
	used, err := holds(sp, 'e', nil)
	return counts{whole: !used}, err
}

// load reads the counts of a queue that can be used. Where they are damaged it makes them anew.
func load(sp mailstore.SpaceReader) (counts, error) {
	c, err := stored(sp)
	if spoilt(err) {
		c, err = countsAnew(sp)
	}
	if err == nil && !c.whole {
		err = errOld
	}
	return c, err
}
