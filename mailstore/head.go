package mailstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cairn/mailstore/intact"
	"cairn/mailstore/wake"
)

// The head of a store is a file beside its folder, so that an older copy of the folder does not
// bring its own. It says how far the store was when it last acknowledged an update. A store that is
// behind its head has lost something.
//
//	head = slot | zeros up to octet 4096 | slot | zeros up to octet 8192
//	slot = "CairnHed" | version u32, 1 | store id (16) | updates u64 | modseq u64 | ms since 1970 u64 | CRC32C u32 of what is before it
//
// Numbers are big endian. The checksum has this place in each version, so that a damaged number is
// not taken for a later version. The slots are written in turn, each in a page of its own, so that
// a crash leaves one of them as it was; the sound one with more updates counts. Writing comes after
// the synced commit and before it is acknowledged: what a killed process has acknowledged is in its
// head. Syncing follows within headInterval, since it would be a third sync for each group: after a
// power cut, the head may lack what was acknowledged in that time.
const (
	headSuffix   = ".head"
	headMagic    = "CairnHed"
	headVersion  = 1
	headSlot     = 56 // octets
	headPage     = 4096
	headInterval = time.Second
)

// mark is how far a store is.
type mark struct {
	store   [16]byte
	updates uint64 // that were committed since the store was made
	modseq  ModSeq
	at      time.Time // of the last update, whole milliseconds
}

// HeadPath is the file with the head of the store in dir.
func HeadPath(dir string) string { return filepath.Clean(dir) + headSuffix }

// BehindError tells that a store is older than what it has acknowledged: its folder was replaced by
// an older copy or emptied, or the last of its files are lost.
type BehindError struct {
	Dir     string
	Updates uint64    // how many are missing
	Changes uint64    // how many of the journal are missing
	Has     time.Time // when the last update that is there was made; zero: none is there, or not known
	Had     time.Time // when the last one was acknowledged
}

// Error is one sentence.
func (e *BehindError) Error() string {
	has := "nothing of it is there"
	if !e.Has.IsZero() {
		has = "what is there ends at " + stamp(e.Has)
	}
	return fmt.Sprintf("%s is older than what it has acknowledged: %d updates up to %s are missing, with %d changes of mail and labels; %s", e.Dir, e.Updates, stamp(e.Had), e.Changes, has)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// HeadError tells that the head of a store does not say how far that was.
type HeadError struct {
	File  string
	What  string // as the end of a sentence that begins with the file
	Later bool   // it is of a later version of the program, which is to be used
}

// Error is one sentence.
func (e *HeadError) Error() string { return e.File + " " + e.What }

func (m mark) encode() []byte {
	b := append(make([]byte, 0, headSlot), headMagic...)
	b = binary.BigEndian.AppendUint32(b, headVersion)
	b = append(b, m.store[:]...)
	b = binary.BigEndian.AppendUint64(b, m.updates)
	b = binary.BigEndian.AppendUint64(b, uint64(m.modseq))
	b = binary.BigEndian.AppendUint64(b, uint64(m.at.UnixMilli()))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeMark reads a slot; later tells that another version of the program wrote it.
func decodeMark(b []byte) (m mark, ok, later bool) {
	if len(b) < headSlot || string(b[:8]) != headMagic {
		return m, false, false
	}
	if crc32.Checksum(b[:headSlot-4], castagnoli) != binary.BigEndian.Uint32(b[headSlot-4:headSlot]) {
		return m, false, false // whatever the version says: it may be what is damaged
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != headVersion {
		return m, false, v > headVersion
	}
	copy(m.store[:], b[12:])
	m.updates = binary.BigEndian.Uint64(b[28:])
	m.modseq = ModSeq(binary.BigEndian.Uint64(b[36:]))
	m.at = time.UnixMilli(int64(binary.BigEndian.Uint64(b[44:]))).UTC()
	return m, true, false
}

// decodeHead reads the slots and gives the one that counts, and its number.
func decodeHead(b []byte) (best mark, slot int, err error) {
	slot = -1
	for i := range 2 {
		m, ok, later := decodeMark(b[min(i*headPage, len(b)):])
		if later {
			return mark{}, -1, &HeadError{What: "is of a later version of the program", Later: true}
		}
		if ok && (slot < 0 || m.updates >= best.updates) {
			best, slot = m, i
		}
	}
	if slot < 0 {
		return mark{}, -1, &HeadError{What: "is damaged, so it is not known whether the store beside it is whole"}
	}
	return best, slot, nil
}

// readHead reads the head of the store in dir. An error is fs.ErrNotExist, a *HeadError, or of
// reading.
func readHead(dir string) (best mark, slot int, err error) {
	b, err := os.ReadFile(HeadPath(dir))
	if err != nil {
		return mark{}, -1, err
	}
	best, slot, err = decodeHead(b)
	if e, ok := errors.AsType[*HeadError](err); ok {
		e.File = HeadPath(dir)
	}
	return best, slot, err
}

// missing holds a store to its head.
func missing(dir string, has, had mark) error {
	switch {
	case has.store != had.store:
		return &HeadError{File: HeadPath(dir), What: "is of another store than the one beside it"}
	case has.updates < had.updates:
		return &BehindError{
			Dir: dir, Updates: had.updates - has.updates, Changes: uint64(max(had.modseq, has.modseq) - has.modseq), Has: has.at, Had: had.at,
		}
	}
	return nil
}

// checkGone returns a *BehindError if there was a store in dir, and none of its files is there any
// more.
func checkGone(dir string) error {
	if empty, err := intact.Empty(dir); err != nil || !empty {
		return err
	}
	had, _, err := readHead(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && had.updates == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mailstore: %w", err)
	}
	return fmt.Errorf("mailstore: %w", &BehindError{Dir: dir, Updates: had.updates, Changes: uint64(had.modseq), Had: had.at})
}

// head is the file of an open store. All but sync belongs to the committer.
type head struct {
	file   *os.File
	slot   int // to be written next
	failed bool
	dirty  chan struct{} // capacity 1: it was written, and not synced yet
}

// hold holds the store to its head, and takes from that what is lost of its mark. slot is where the
// head stands that was read; -1 if it is to be made, as for a store of 0.1.0.
func (s *Store) hold(at standing) (had mark, slot int, err error) {
	had, slot, err = readHead(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && at.lost == (lost{}):
		return had, -1, nil
	case errors.Is(err, fs.ErrNotExist):
		err = &HeadError{File: HeadPath(s.dir), What: "is missing, and the identity or the number of updates in the store beside it is damaged, so that nobody knows whether some of it is lost"}
	case err == nil:
		if at.format == 0 || at.lost.store {
			s.mark.store = had.store
		}
		if at.lost.updates {
			s.mark.updates, s.mark.at = had.updates, had.at
			if s.mark.modseq < had.modseq && had.updates > 0 { // one at least is missing
				s.mark.updates--
			}
		}
		if had.updates == 0 {
			return had, -1, nil
		}
		err = missing(s.dir, s.mark, had)
	}
	if err != nil {
		return had, slot, fmt.Errorf("mailstore: %w", err)
	}
	return had, slot, nil
}

// openHead opens the head that hold has read, or makes it.
func (s *Store) openHead(had mark, slot int) error {
	if slot < 0 {
		if err := makeHead(s.dir, s.mark); err != nil {
			return fmt.Errorf("mailstore: %w", err)
		}
		had, slot = s.mark, 0
	}
	f, err := os.OpenFile(HeadPath(s.dir), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("mailstore: %w", err)
	}
	s.head = &head{file: f, slot: 1 - slot, dirty: make(chan struct{}, 1)}
	if had.updates != s.mark.updates {
		s.noteHead()
	}
	return nil
}

// makeHead puts a new head in place of one that may be there.
func makeHead(dir string, m mark) error {
	b := make([]byte, 2*headPage)
	copy(b, m.encode())
	path := HeadPath(dir)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// noteHead writes how far the store is. A head that cannot be written is behind, and would tell of
// less than is lost; the store itself is well.
func (s *Store) noteHead() {
	if s.head == nil {
		return
	}
	page := s.mark.encode()
	_, err := s.head.file.WriteAt(page, int64(s.head.slot*headPage))
	if err != nil && !s.head.failed {
		s.log.Error("how far the mail store is could not be noted; should some of it be lost later, that may not be seen", "file", HeadPath(s.dir), "err", err)
	}
	if s.head.failed = err != nil; err == nil {
		s.head.slot = 1 - s.head.slot
		wake.Up(s.head.dirty)
	}
}

// headLoop syncs the head, once in headInterval at most.
func (s *Store) headLoop(ctx context.Context) {
	defer s.upkeep.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.head.dirty:
		}
		if err := s.head.file.Sync(); err != nil {
			s.log.Error("how far the mail store is could not be synced; should some of it be lost later, that may not be seen", "file", HeadPath(s.dir), "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(headInterval):
		}
	}
}

// close syncs and closes the file; who opens the store next holds it to that.
func (h *head) close() error {
	if h == nil {
		return nil
	}
	return errors.Join(h.file.Sync(), h.file.Close())
}

// lost is what of a mark is damaged in the store.
type lost struct{ store, updates bool }

// readMark reads how far a store is, but for what is damaged. One of 0.1.0 has counted no updates.
func readMark(src source) (m mark, l lost, err error) {
	r := &Reader{src: src}
	if m.store, err = r.StoreID(); damaged(err) || errors.Is(err, ErrNotFound) {
		l.store = true
	} else if err != nil {
		return m, l, err
	}
	if m.modseq, err = r.ModSeq(); err != nil {
		return m, l, err
	}
	b, err := src.get(metaUpdates)
	switch {
	case errors.Is(err, ErrNotFound):
	case damaged(err) || err == nil && len(b) != 16:
		l.updates = true
	case err != nil:
		return m, l, err
	default:
		m.updates = binary.BigEndian.Uint64(b)
		m.at = time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))).UTC()
	}
	return m, l, nil
}

// value is what stands under metaUpdates.
func (m mark) value() []byte {
	b := binary.BigEndian.AppendUint64(nil, m.updates)
	return binary.BigEndian.AppendUint64(b, uint64(m.at.UnixMilli()))
}
