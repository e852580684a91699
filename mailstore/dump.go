package mailstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxDumpValue is the longest value, in bytes, that is read from a dump: more than a message with
// all that is kept of it.
const maxDumpValue = 256 << 20

// ErrDump is wrapped by what is wrong with a dump: it is damaged, ends early or is of another store
// format.
var ErrDump = errors.New("the mail store in it cannot be read")

// DumpStats tell what is in a dump.
type DumpStats struct {
	Entries  uint64
	Accounts uint64
	Messages uint64
	Damaged  uint64 // texts of mail that were damaged when it was made, and are not in it
	Journal  ModSeq // last change
}

// maxMeta is the longest value of tableMeta, in bytes.
const maxMeta = 64

// Dump writes everything that this state of the store holds, message by message as it goes. Called
// in [Store.View] it sees one moment, whatever is written meanwhile; that is why it does not use
// Badger's own Backup, whose eight readers each begin at a moment of their own, and which leaves
// out a value that it cannot read.
//
//	dump  = entry... | u32 0 | u64 number of entries
//	entry = u32 length of key, 1 to 32,768 | key | u32 length of value | value
//
// Numbers are big endian, keys ascend, keys and values are those of the store's format, without
// checksums. A text of mail that is damaged is written as an empty value, and will be shown as
// damaged where it is restored; anything else that is damaged ends the dump with that. An error of
// w is returned as it is.
func (r *Reader) Dump(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	var count uint64
	var failed error
	err := r.src.walk(nil, nil, func(key, value []byte, bad *DamagedError) bool {
		if bad != nil && key[0] != tableBlob {
			failed = bad
			return false
		} else if bad != nil {
			value = nil
		}
		count++
		if failed = writeSized(b, key); failed == nil {
			failed = writeSized(b, value)
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	b.Write(binary.BigEndian.AppendUint64(make([]byte, 4), count)) // Flush tells its error
	return b.Flush()
}

func writeSized(w io.Writer, b []byte) error {
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// CheckDump reads a dump to its end and tells what is in it, without keeping any mail in memory.
// Errors wrap ErrDump; errors of r are wrapped too.
func CheckDump(r io.Reader) (DumpStats, error) {
	return readWanted(r, func([]byte) bool { return false }, nil)
}

// Texts gives the texts of mail in a dump to take that are wanted, by their SHA-256, and passes
// over all else. What a dump gives for such a text is one only if it has that SHA-256, whoever made
// the dump. Errors of take end it, and are returned as they are; those of the dump are as those of
// [CheckDump], and texts that stood before were given.
func Texts(dump io.Reader, wanted func(blob [32]byte) bool, take func(blob [32]byte, raw []byte) error) error {
	_, err := readWanted(dump, func(key []byte) bool { return isBlob(key) && wanted([32]byte(key[1:])) }, func(key, raw []byte) error {
		if !isBlob(key) {
			return nil
		}
		blob := [32]byte(key[1:])
		if sha256.Sum256(raw) != blob {
			return nil
		}
		return take(blob, raw)
	})
	return err
}

// readDump gives each entry to take, which may keep key and value. Errors of take are returned as
// they are.
func readDump(r io.Reader, take func(key, value []byte) error) (DumpStats, error) {
	return readWanted(r, func([]byte) bool { return true }, take)
}

// readWanted is readDump that passes over values of no interest, but for those of tableMeta.
func readWanted(r io.Reader, wanted func(key []byte) bool, take func(key, value []byte) error) (stats DumpStats, err error) {
	d := dumpReader{r: bufio.NewReaderSize(r, 64<<10), wanted: wanted}
	for {
		key, value, err := d.next()
		if err != nil {
			return stats, fmt.Errorf("%w: %w", ErrDump, err)
		}
		if key == nil {
			return stats, d.end(&stats)
		}
		if err := stats.count(key, value); err != nil {
			return stats, fmt.Errorf("%w: %w", ErrDump, err)
		}
		if d.size == 0 && key[0] == tableBlob && !bytes.Equal(key, blobKey(sha256.Sum256(nil))) {
			stats.Damaged++
			continue
		}
		if !wanted(key) {
			continue
		}
		if err := take(key, value); err != nil {
			return stats, err
		}
	}
}

func (s *DumpStats) count(key, value []byte) error {
	s.Entries++
	switch {
	case key[0] == tableAccount:
		s.Accounts++
	case key[0] == tableMessage:
		s.Messages++
	case bytes.Equal(key, metaModSeq):
		last, err := decodeUint64(value)
		s.Journal = ModSeq(last)
		return err
	}
	return nil
}

// dumpReader takes a dump apart.
type dumpReader struct {
	r       *bufio.Reader
	wanted  func(key []byte) bool // whose value is read, beside those of tableMeta
	last    []byte                // key
	size    uint32                // of the last key or value
	version bool                  // the store's format was there, and is ours
	id      bool                  // the store's identity was there
}

// next returns an entry; the key is nil at the end of all.
func (d *dumpReader) next() (key, value []byte, err error) {
	if key, err = d.sized("key", maxKey); err != nil || len(key) == 0 {
		return nil, nil, err
	}
	if bytes.Compare(key, d.last) <= 0 {
		return nil, nil, fmt.Errorf("key %x stands behind %x", key, d.last)
	}
	d.last = key
	switch {
	case key[0] == tableMeta:
		value, err = d.sized("value", maxMeta)
	case !d.wanted(key):
		err = d.skip("value", maxDumpValue)
	default:
		value, err = d.sized("value", maxDumpValue)
	}
	if err != nil {
		return nil, nil, err
	}
	switch {
	case bytes.Equal(key, metaVersion):
		d.version = true
		if _, err := dumpedFormat(value); err != nil {
			return nil, nil, err
		}
	case bytes.Equal(key, metaStoreID):
		d.id = true
	case key[0] != tableMeta && !(d.version && d.id): // they come first
		return nil, nil, errors.New("it has no store format and identity")
	}
	return key, value, nil
}

// sized reads a length and so many bytes. Memory is taken as they arrive, not as the length claims.
func (d *dumpReader) sized(what string, most uint32) ([]byte, error) {
	n, err := d.length(what, most)
	if d.size = n; err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(int(min(n, 64<<10)))
	_, err = io.CopyN(&b, d.r, int64(n))
	return b.Bytes(), early(err)
}

// skip is sized for what nobody looks at.
func (d *dumpReader) skip(what string, most uint32) error {
	n, err := d.length(what, most)
	if d.size = n; err != nil {
		return err
	}
	_, err = d.r.Discard(int(n))
	return early(err)
}

func (d *dumpReader) length(what string, most uint32) (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(d.r, b[:])
	n := binary.BigEndian.Uint32(b[:])
	if err == nil && n > most {
		err = fmt.Errorf("a %s of %d bytes, more than %d", what, n, most)
	}
	return n, early(err)
}

// end holds the number of entries to what was read.
func (d *dumpReader) end(stats *DumpStats) error {
	var b [8]byte
	if _, err := io.ReadFull(d.r, b[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrDump, early(err))
	}
	if n := binary.BigEndian.Uint64(b[:]); n != stats.Entries {
		return fmt.Errorf("%w: it has %d entries of %d", ErrDump, stats.Entries, n)
	}
	if !d.version || !d.id {
		return fmt.Errorf("%w: it has no store format and identity", ErrDump)
	}
	switch _, err := d.r.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: something follows its end", ErrDump)
	default:
		return fmt.Errorf("%w: %w", ErrDump, err)
	}
}

// early makes an end of file inside of something what it is.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
