package chain

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
)

// InMemory returns an empty Store that is lost with the process. Who reads keeps
// who writes waiting.
func InMemory() Store { return &memoryStore{values: make(map[string][]byte)} }

type memoryStore struct {
	mu     sync.RWMutex
	values map[string][]byte
}

func (s *memoryStore) View(read func(Reader) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return read(memoryReader(s.values))
}

func (s *memoryStore) Write(changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if c.Delete {
			delete(s.values, string(c.Key))
		} else {
			s.values[string(c.Key)] = bytes.Clone(c.Value)
		}
	}
	return nil
}

func (s *memoryStore) Collect() (bool, error) { return true, nil }

func (s *memoryStore) Room(int64) error { return nil }

type memoryReader map[string][]byte

func (r memoryReader) Get(key []byte, use func(value []byte) error) error {
	v, ok := r[string(key)]
	if !ok {
		return ErrNotFound
	}
	return use(v)
}

func (r memoryReader) Scan(prefix []byte, use func(key, value []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(r)) {
		if !strings.HasPrefix(key, string(prefix)) {
			continue
		}
		if err := use([]byte(key), r[key]); err != nil {
			return err
		}
	}
	return nil
}
