package mailstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Fault is something that [Store.Check] found.
type Fault struct {
	Table   Table     // where it is
	Account AccountID // 0 if it belongs to none
	Message MessageID // 0 if it belongs to none
	Blob    [32]byte  // the SHA-256 of a text of mail that is damaged or not there; else 0
	Text    string    // a sentence without full stop: what is wrong, and where
	Cure    string    // what helps, in the same form
	Derived bool      // Check can make it anew from what else is stored
	Mended  bool      // Check did so
	Done    string    // what that came to, in the same form, where it did not bring back what was there
}

// CheckResult tells how much Check has looked at, and what it found.
type CheckResult struct {
	Values   uint64 // of all tables, blobs included
	Accounts uint64
	Messages uint64 // without the doomed ones
	Doomed   uint64 // messages of removed accounts, still to be removed
	Blobs    uint64
	Faults   uint64
}

// Check reads everything that this state of the store holds, and reports each fault as it is found:
// values that are not what was stored, raw bytes that have another SHA-256, tables of the database
// with damaged blocks; and what does not hang together: messages without their bytes, labels or
// account, counts that are not those of the labels, a journal that lacks changes or does not fit
// the labels, numbers that would be given out again.
//
// With repair it makes anew what follows from the rest: counts, the labels of a message and the
// changes of the journal (each from the other), who uses a blob, names, addresses and last numbers
// of accounts. Nothing is removed but changes that do not count or cannot be read and labels of
// messages that were removed, and what is held is kept; a message whose labels nothing tells has
// none then, which is reported. Reports come with Mended set if that worked. Of named maps it makes
// anew what maps can.
//
// The store may be in use meanwhile. The error tells of what kept Check from ending (the end of ctx
// too), never of faults. report may be nil, is called on the caller's goroutine, and must not use
// the store.
func (s *Store) Check(ctx context.Context, repair bool, report func(Fault), maps ...MapCheck) (CheckResult, error) {
	if err := s.enter(); err != nil {
		return CheckResult{}, err
	}
	defer s.gate.Leave()
	base := s.snapshot()
	defer base.close()
	c := &check{
		ctx: ctx, s: s, base: base, r: &Reader{src: base}, repair: repair, report: report, maps: maps,
		counts: make(map[AccountID]map[string]uint64), last: make(map[AccountID]MessageID), doubts: make(map[Ref]string), recounts: make(map[AccountID]bool), settled: make(map[Ref]ModSeq),
		unread: make(map[AccountID]bool), stray: make(map[Ref]bool),
	}
	for _, part := range []func() error{c.tables, c.endHolds, c.values, c.doomed, c.accounts, c.messages, c.countsHold, c.journalHolds, c.labelsInDoubt, c.mapsHold} {
		if err := part(); err != nil {
			return c.CheckResult, err
		}
	}
	return c.CheckResult, ctx.Err()
}

// check is one run of Check.
type check struct {
	CheckResult
	ctx    context.Context
	s      *Store
	base   *snapshot
	r      *Reader
	repair bool
	report func(Fault)
	maps   []MapCheck

	inMaps   []inMap                         // damaged entries of named maps
	counts   map[AccountID]map[string]uint64 // as the labels have them, total too
	last     map[AccountID]MessageID         // the highest in use
	doubts   map[Ref]string                  // whose labels were mended, though they are not surely those that they had
	pending  map[Ref]string                  // the same of a mend under way
	recounts map[AccountID]bool              // whose labels were mended
	settled  map[Ref]ModSeq                  // the last changes of messages that were mended
	unowned  ModSeq                          // the last change that is lost and of which nothing tells whose it was
	numbers  []ModSeq                        // of the changes that label rows name; with 0 where they do not know, or cannot be read
	unread   map[AccountID]bool              // some labels of its messages cannot be read
	stray    map[Ref]bool                    // labels that have no message
}

// found reports a fault, with the names of whose it is. mend, if there is one, makes anew what is
// damaged.
func (c *check) found(f Fault, mend func(tx *Tx) error) error {
	if mend == nil {
		return c.foundMuch(f, nil)
	}
	return c.foundMuch(f, func() error { return c.s.Update(c.ctx, mend) })
}

// foundMuch is found for what takes more than one transaction to mend.
func (c *check) foundMuch(f Fault, mend func() error) error {
	f.Text += c.r.names(&DamagedError{Table: f.Table, Account: f.Account, Message: f.Message, Blob: f.Blob})
	c.Faults++
	f.Derived = mend != nil
	if mend != nil && c.repair {
		c.pending = nil
		if err := mend(); err != nil {
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			f.Cure = fmt.Sprintf("it could not be made anew (%v); %s", err, f.Cure)
		} else {
			f.Mended = true
			maps.Copy(c.doubts, c.pending)
		}
	}
	if c.report != nil {
		c.report(f)
	}
	return c.ctx.Err()
}

// damaged reports a value that is damaged, with what makes it anew, and what that comes to, or what
// helps else.
func (c *check) damaged(bad *DamagedError, mend func(tx *Tx) error, cure, done string) error {
	if mend != nil {
		cure = cureAnew
	}
	f := Fault{
		Table: bad.Table, Account: bad.Account, Message: bad.Message,
		Text: fmt.Sprintf("%s cannot be read as it was stored: %s", bad.What(), bad.Why), Cure: cure, Done: done,
	}
	if bad.Table == TableBlob {
		f.Blob = bad.Blob
	}
	return c.found(f, mend)
}

// tables holds the checksums of the database's own tables.
func (c *check) tables() (err error) {
	var bad error
	func() {
		defer c.base.contain(nil, &bad)
		bad = c.s.db.VerifyChecksum()
	}()
	if bad == nil {
		return c.ctx.Err()
	}
	return c.found(Fault{
		Table: TableStore, Text: fmt.Sprintf("a table of the database in %s has a damaged block: %.200v", c.s.dir, bad),
		Cure: "see that the disk is well, and restore a backup: what was in that block may be missing without a word",
	}, nil)
}

// values reads every value once.
func (c *check) values() error {
	var failed error
	err := c.base.walk(nil, nil, func(key, value []byte, bad *DamagedError) bool {
		c.Values++
		if bad == nil {
			bad = c.takenApart(key, value)
		}
		switch {
		case bad == nil || key[0] == tableJournal: // see journalHolds, which needs the label rows
		case key[0] == tableSpace: // see mapsHold: what is mended there may change labels
			c.inMaps = append(c.inMaps, inMap{slices.Clone(key), bad})
		default:
			failed = c.damaged(bad, c.mendOf(slices.Clone(key), bad), c.cureOf(key, bad), c.doneOf(key))
		}
		c.note(key)
		if failed == nil && c.Values%1024 == 0 {
			failed = c.ctx.Err()
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// takenApart holds a value to its form.
func (c *check) takenApart(key, value []byte) *DamagedError {
	if why := misshapen(key, value, int64(len(value))); why != "" {
		return damagedAt(c.s.dir, key, why)
	}
	return nil
}

func (c *check) countLabels(a AccountID, labels []string) {
	m := c.counts[a]
	if m == nil {
		m = make(map[string]uint64)
		c.counts[a] = m
	}
	for _, l := range labels {
		m[l]++
	}
}

// note counts what a key stands for.
func (c *check) note(key []byte) {
	switch key[0] {
	case tableAccount:
		c.Accounts++
	case tableBlob:
		c.Blobs++
	case tableMessage:
		c.Messages++
		if len(key) == 13 {
			a, id := AccountID(binary.BigEndian.Uint32(key[1:])), MessageID(binary.BigEndian.Uint64(key[5:]))
			c.last[a] = max(c.last[a], id)
			c.countLabels(a, []string{total})
		}
	}
}

// countsHold compares the counters with the labels.
func (c *check) countsHold() error {
	stored := make(map[AccountID]map[string]uint64)
	skip := maps.Clone(c.unread) // these, and those with damaged counters, were reported
	err := c.base.walk([]byte{tableCount}, nil, func(key, value []byte, bad *DamagedError) bool {
		a, label := labelled(key[1:])
		n, err := decodeUint64(value)
		if bad != nil || err != nil {
			skip[a] = true
			return true
		}
		if stored[a] == nil {
			stored[a] = make(map[string]uint64)
		}
		stored[a][label] = n
		return true
	})
	if err != nil {
		return err
	}
	for _, a := range slices.Sorted(maps.Keys(union(stored, c.counts))) {
		if skip[a] || maps.Equal(stored[a], c.counts[a]) {
			continue
		}
		err := c.found(Fault{
			Table: TableCount, Account: a, Text: fmt.Sprintf("the counts of messages of account %d are not those of its messages and labels", a),
			Cure: "a check with repair counts them anew",
		}, func(tx *Tx) error { return tx.recount(a) })
		if err != nil {
			return err
		}
	}
	return nil
}

func union[V any](a, b map[AccountID]V) map[AccountID]bool {
	all := make(map[AccountID]bool)
	for id := range a {
		all[id] = true
	}
	for id := range b {
		all[id] = true
	}
	return all
}
