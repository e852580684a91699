package mailstore

import (
	"bytes"
	"fmt"
)

// maxRawHeader bounds what RawHeader returns, in bytes: the gateway takes no longer header section
// than 272 KiB.
const maxRawHeader = 512 << 10

// smallBlob is the size in bytes up to which a blob is held to its SHA-256 also where only its
// header is asked for. Larger ones are in the value log, whose own checksum is held at each read.
const smallBlob = 64 << 10

// RawHeader returns the header section of the message in a blob, with the empty line behind it; of
// one that has none, or a very long one, its beginning. The rest of the message is not copied.
// ErrNotFound if there is no such blob.
func (r *Reader) RawHeader(blob [32]byte) (header []byte, err error) {
	key := blobKey(blob)
	err = r.src.peek(key, func(raw []byte) { header = bytes.Clone(headerOf(raw)) })
	if err != nil {
		err = r.missing(err, key, func() (bool, error) { return r.blobIsUsed(blob, nil) })
		return nil, fmt.Errorf("blob %x: %w", blob[:8], err)
	}
	return header, nil
}

// headerOf is raw up to the first empty line of it, and no more than maxRawHeader.
func headerOf(raw []byte) []byte {
	raw = raw[:min(len(raw), maxRawHeader)]
	for _, empty := range []string{"\n", "\r\n"} {
		if bytes.HasPrefix(raw, []byte(empty)) {
			return raw[:len(empty)]
		}
		if i := bytes.Index(raw, []byte("\n"+empty)); i >= 0 {
			raw = raw[:i+1+len(empty)]
		}
	}
	return raw
}

// RawSize returns how many bytes a blob has, give or take a few, without reading it, or
// ErrNotFound.
func (r *Reader) RawSize(blob [32]byte) (int64, error) {
	size, err := r.src.size(blobKey(blob))
	if err != nil {
		return 0, fmt.Errorf("blob %x: %w", blob[:8], err)
	}
	return max(size, 0), nil
}

// peek calls fn with the value of a blob, which is valid only during the call.
func (s *snapshot) peek(key []byte, fn func(value []byte)) (err error) {
	if s.over {
		return ErrTxDone
	}
	defer s.contain(key, &err)
	item, err := s.txn.Get(key)
	if err != nil {
		return s.readError(key, err)
	}
	why := ""
	err = item.Value(func(stored []byte) error {
		value := stored
		if len(stored) <= smallBlob {
			if value, why = unseal(key, stored); why != "" {
				return nil
			}
		}
		fn(value)
		return nil
	})
	if why != "" {
		return s.damaged(key, why)
	}
	return s.readError(key, err)
}

func (s *snapshot) size(key []byte) (n int64, err error) {
	if s.over {
		return 0, ErrTxDone
	}
	defer s.contain(key, &err)
	item, err := s.txn.Get(key)
	if err != nil {
		return 0, s.readError(key, err)
	}
	return item.ValueSize(), nil
}

func (o *overlay) peek(key []byte, fn func(value []byte)) error {
	w, found := o.writes[string(key)]
	switch {
	case !found:
		return o.below.peek(key, fn)
	case w.deleted:
		return ErrNotFound
	}
	fn(w.value)
	return nil
}

func (o *overlay) size(key []byte) (int64, error) {
	w, found := o.writes[string(key)]
	switch {
	case !found:
		return o.below.size(key)
	case w.deleted:
		return 0, ErrNotFound
	}
	return int64(len(w.value)), nil
}

func (s txSource) peek(key []byte, fn func(value []byte)) error {
	if s.tx.over {
		return ErrTxDone
	}
	return s.tx.own.peek(key, fn)
}

func (s txSource) size(key []byte) (int64, error) {
	if s.tx.over {
		return 0, ErrTxDone
	}
	return s.tx.own.size(key)
}
