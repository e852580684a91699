package intact

import (
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Values says what damage of single values in a value log is.
type Values bool

const (
	AllValues Values = false // damage of the database
	EachValue Values = true  // of the value alone: each is held to a checksum when it is read
)

// Shape is what is known of the files of a database that was not closed.
type Shape struct {
	Values    Values
	MemLog    int64  // size in bytes of a .mem while it is written to, twice Options.MemTableSize; 0: not known
	FirstFull uint64 // id of the .mem that was made when the database was opened; 0: not known
}

// Look reads all files of the database in a folder and returns a *Fault if something is damaged of
// which entries would be lost or come back wrong, nil for an empty folder, or the error of reading.
//
// It takes for good: logs without any octet, which were being made or removed and which Badger
// refuses; what is behind the last record of a MANIFEST or the last transaction of the newest log
// if a crash can have left it so, and tables that the MANIFEST does not name if all they hold is
// elsewhere too.
func Look(dir fs.FS, s Shape) error {
	_, err := lookAt(dir, s)
	return err
}

// lookAt is Look. cut reports whether Badger would cut values off that are to stay.
func lookAt(dir fs.FS, s Shape) (cut bool, err error) {
	l, err := begin(dir)
	if err != nil || l == nil {
		return false, err
	}
	err = l.whole(s)
	return len(l.logs) > 0 && l.behind[l.logs[len(l.logs)-1]], err
}

// LookQuickly reads the MANIFEST, footer and index of each table, and tables of quickBytes in all:
// what was closed well may have been damaged since. Of more than that a random part is read, so
// that each start reads another one.
func LookQuickly(dir fs.FS) error {
	l, err := begin(dir)
	if err != nil || l == nil {
		return err
	}
	return l.quick()
}

// quickBytes takes two tenths of a second.
const quickBytes = 32 << 20

// look is a folder that is being looked at.
type look struct {
	dir    fs.FS
	tables map[uint64]bool // whether the MANIFEST names it
	mems   []uint64        // ascending, as logs
	logs   []uint64
	blank  []string // names of logs without any octet, in neither of these
	*manifest

	each     Values
	ends     map[uint64]int64 // of the sound part of each value log
	written  map[uint64]int64 // of the last octet in each that is not zero
	behind   map[uint64]bool  // value logs to which entries point behind the sound part
	memEnds  map[uint64]int64
	seed     maphash.Seed
	suspects map[uint64]winner // by key
}

// maxSuspects bounds the memory of a look: 40 MB.
const maxSuspects = 1 << 20

// winner is the entry that a key is read from.
type winner struct {
	version, rank uint64
	lost          bool
	where         string // what is to be said if it is lost
	file          string
}

// begin lists the files and reads the MANIFEST. It gives nil if no database is there yet.
func begin(dir fs.FS) (*look, error) {
	l := &look{
		dir: dir, tables: map[uint64]bool{}, ends: map[uint64]int64{}, memEnds: map[uint64]int64{},
		written: map[uint64]int64{}, behind: map[uint64]bool{},
		seed: maphash.MakeSeed(), suspects: map[uint64]winner{},
	}
	there, err := l.list()
	if err != nil {
		return nil, err
	}
	f, err := open(dir, manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		if there {
			return nil, faults(manifestName).whole("is missing, and opened without it the database would lose all of its tables")
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.close()
	if l.manifest, err = readManifest(f, f.size); err != nil {
		return nil, err
	}
	for id := range l.manifest.tables {
		if _, ok := l.tables[id]; !ok {
			return nil, faults(tableName(id)).whole("is missing")
		}
		l.tables[id] = true
	}
	return l, l.small()
}

func tableName(id uint64) string { return fmt.Sprintf("%06d.sst", id) }
func memName(id uint64) string   { return fmt.Sprintf("%05d.mem", id) }
func logName(id uint64) string   { return fmt.Sprintf("%06d.vlog", id) }

// list notes the files that Badger would read, and reports whether there are any.
func (l *look) list() (there bool, err error) {
	entries, err := fs.ReadDir(l.dir, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, e := range entries {
		number, ext, _ := strings.Cut(e.Name(), ".")
		if ext != "sst" && ext != "mem" && ext != "vlog" {
			continue
		}
		id, err := strconv.ParseUint(number, 10, 32)
		if name := map[string]func(uint64) string{"sst": tableName, "mem": memName, "vlog": logName}[ext]; err != nil || name(id) != e.Name() {
			return true, faults(e.Name()).whole("has a name that no file of a database has")
		}
		switch there = true; ext {
		case "sst":
			l.tables[id] = false
		case "mem":
			l.mems = append(l.mems, id)
		default:
			l.logs = append(l.logs, id)
		}
	}
	slices.Sort(l.mems)
	slices.Sort(l.logs)
	return there, errors.Join(err, l.empty(&l.mems, memName), l.empty(&l.logs, logName))
}

// empty takes the logs without any octet out of the list. Badger was about to give the newest one
// its size, and cuts others to nothing before it removes them. They are judged as if they were not
// there.
func (l *look) empty(ids *[]uint64, name func(uint64) string) error {
	var kept []uint64
	for _, id := range *ids {
		info, err := fs.Stat(l.dir, name(id))
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile, by Badger which is open
		case err != nil:
			return err
		case info.Size() > 0:
			kept = append(kept, id)
		default:
			l.blank = append(l.blank, name(id))
		}
	}
	*ids = kept
	return nil
}

// small looks at what is there once.
func (l *look) small() error {
	if err := l.with("KEYREGISTRY", func(f *file) error {
		b, err := f.read(0, min(f.size, 64))
		if err == nil && (len(b) != 28 || string(b[16:]) != "Hello Badger") {
			err = f.whole("is not that of a database without encryption; it holds nothing and may be deleted")
		}
		return err
	}); err != nil {
		return err
	}
	return l.with("DISCARD", func(f *file) error {
		if f.size > 0 && f.size < 32 {
			return f.whole("is cut short; it holds nothing that is needed and may be deleted")
		}
		return nil
	})
}

// with opens a file that need not be there.
func (l *look) with(name string, fn func(*file) error) error {
	f, err := open(l.dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.close())
}

// quick looks at each table that is named, and reads some.
func (l *look) quick() error {
	left := map[string]bool{}
	bytes := int64(quickBytes)
	ids := slices.Sorted(maps.Keys(l.tables))
	for _, i := range rand.Perm(len(ids)) {
		info, err := fs.Stat(l.dir, tableName(ids[i]))
		if err != nil || info.Size() > bytes {
			left[tableName(ids[i])] = true // what is not there, eachTable says
			continue
		}
		bytes -= info.Size()
	}
	return l.eachTable(true, func(t *table, _ uint64) error {
		if left[string(t.faults)] {
			return nil
		}
		return t.each(func(entry) error { return nil })
	})
}

// eachTable opens the tables that are named, or those that are not and never were.
func (l *look) eachTable(named bool, fn func(t *table, rank uint64) error) error {
	for _, id := range slices.Sorted(maps.Keys(l.tables)) {
		if _, leftover := l.removed[id]; l.tables[id] != named || leftover && !named {
			continue
		}
		err := l.with(tableName(id), func(f *file) error {
			compression := l.manifest.tables[id].compression
			if !named {
				compression = compressionUnknown
			}
			t, err := openTable(f, compression)
			if err != nil {
				return err
			}
			return fn(t, rankOf(l.manifest.tables[id].level, id, named))
		})
		if err != nil && (named || !IsFault(err)) { // one that is not named and not whole was being written
			return err
		}
	}
	return nil
}

// rankOf orders the places of entries of one version: a later one counts. Tables that are not named
// are below all.
func rankOf(level, id uint64, named bool) uint64 {
	switch {
	case !named:
		return 0
	case level == 0:
		return 1<<40 + id
	}
	return 1<<40 - level
}

// whole reads logs and tables, and then judges entries whose values are not there or whose table is
// not named.
func (l *look) whole(s Shape) error {
	l.each = s.Values
	for _, step := range []func() error{
		func() error { return l.logsOf(l.logs, logName, l.ends, logKind{each: s.Values}) },
		func() error { return l.logsOf(l.mems, memName, l.memEnds, logKind{memory: true, full: s.MemLog}) },
		func() error { return l.fullSize(s) },
		func() error { return l.entries(l.suspect) },
		func() error { return l.eachTable(false, l.orphan) },
		l.judge,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// logsOf looks at the logs of one kind, the newest first.
func (l *look) logsOf(ids []uint64, name func(uint64) string, ends map[uint64]int64, k logKind) error {
	k.newest = true
	for _, id := range slices.Backward(ids) {
		err := l.with(name(id), func(f *file) (err error) {
			var written int64
			ends[id], written, err = lookAtLog(f, k)
			if !k.memory {
				l.written[id] = written
			}
			return err
		})
		if err != nil {
			return err
		}
		k.newest = k.newest && ends[id] == logHeader
	}
	return nil
}

// fullSize holds that memory logs made since the database was opened have the size they were made
// with, and that the last is there.
func (l *look) fullSize(s Shape) error {
	if s.FirstFull == 0 || s.MemLog == 0 {
		return nil
	}
	if len(l.mems) == 0 || l.mems[len(l.mems)-1] < s.FirstFull {
		return faults(memName(s.FirstFull)).whole("or the one after it is missing, where what was written last is")
	}
	for _, id := range l.mems { // not all of them are there: a reader keeps an early one longer than a later one
		err := l.with(memName(id), func(f *file) error {
			if id >= s.FirstFull && f.size < s.MemLog {
				return f.at(f.size, "is cut short")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entries calls fn for all entries that Badger would read.
func (l *look) entries(fn func(e entry, rank uint64, name string) error) error {
	for _, id := range l.mems {
		err := l.with(memName(id), func(f *file) error {
			_, err := walk(f, l.memEnds[id], func(e entry, _ extent) error {
				if e.meta&metaFin != 0 {
					return nil
				}
				return fn(e, 1<<48+id, memName(id))
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	return l.eachTable(true, func(t *table, rank uint64) error {
		return t.each(func(e entry) error { return fn(e, rank, string(t.faults)) })
	})
}

// suspect notes an entry whose value is in no log.
func (l *look) suspect(e entry, rank uint64, name string) error {
	what, id := l.dangling(e)
	if what == "" {
		return nil
	}
	k := l.key(e)
	if _, there := l.suspects[k]; !there {
		l.note(k, winner{file: logName(id), where: what + ", which " + name + " points to"})
	}
	return nil
}

// dangling says what is wrong with the log that an entry's value is in.
func (l *look) dangling(e entry) (what string, id uint64) {
	if e.meta&metaPointer == 0 {
		return "", 0
	}
	p := pointerOf(e.value)
	if end, ok := l.ends[p.log]; !ok {
		return "is missing", p.log
	} else if p.offset >= logHeader && p.offset+p.size > end && p.offset+p.size <= l.written[p.log]+crc32.Size && l.each == EachValue {
		l.behind[p.log] = true
	} else if p.offset < logHeader || p.offset+p.size > end {
		return fmt.Sprintf("has no sound value at octet %d", p.offset), p.log
	}
	return "", 0
}

func (l *look) key(e entry) uint64 { return maphash.Bytes(l.seed, e.key) }

// note makes a key one that is judged, while there is room.
func (l *look) note(k uint64, w winner) {
	if len(l.suspects) < maxSuspects {
		l.suspects[k] = w
	}
}

// orphan notes the entries of a table that the MANIFEST does not name.
func (l *look) orphan(t *table, _ uint64) error {
	return t.each(func(e entry) error {
		w := winner{version: e.version, lost: true, file: manifestName}
		w.where = "does not name " + string(t.faults) + ", which has entries that are nowhere else"
		k := l.key(e)
		if had, ok := l.suspects[k]; ok && had.version >= w.version && had.lost {
			return nil
		}
		l.note(k, w)
		return nil
	})
}

// judge finds the entry that each suspected key is read from. If that one is lost, the database is
// damaged.
func (l *look) judge() error {
	if len(l.suspects) == 0 {
		return nil
	}
	err := l.entries(func(e entry, rank uint64, name string) error {
		k := l.key(e)
		had, ok := l.suspects[k]
		if !ok || e.version < had.version || e.version == had.version && rank < had.rank {
			return nil
		}
		w := winner{version: e.version, rank: rank}
		if what, id := l.dangling(e); what != "" {
			w.lost, w.file, w.where = true, logName(id), what+", which "+name+" points to"
		}
		l.suspects[k] = w
		return nil
	})
	if err != nil {
		return err
	}
	var worst *winner
	for _, w := range l.suspects {
		if w.lost && (worst == nil || w.file+w.where < worst.file+worst.where) {
			worst = &w
		}
	}
	if worst == nil {
		return nil
	}
	return faults(worst.file).whole("%s", worst.where)
}
