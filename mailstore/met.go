package mailstore

import (
	"sync"
	"time"

	"cairn/mailstore/logration"
)

// metLines is what of damage is told that is met.
var metLines = logration.Rate{Lines: 20, Gap: time.Minute}

// maxMet is how many damaged places are remembered.
const maxMet = 10_000

// met is what updates and views have found damaged since the store was opened.
type met struct {
	lines *logration.Ration

	mu     sync.Mutex
	places map[string]bool // by key
}

func newMet(now time.Time) *met {
	return &met{lines: logration.New(metLines, now), places: make(map[string]bool)}
}

// note reports whether a place was not known, and is now.
func (m *met) note(key []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.places[string(key)] || len(m.places) == maxMet {
		return false
	}
	m.places[string(key)] = true
	return true
}

// meet counts what was found damaged, and tells the log of it: each place once.
func (s *Store) meet(r *Reader, key []byte, e *DamagedError) {
	if !s.met.note(key) {
		return
	}
	next := NextCheck
	if e.Table == TableBlob {
		next = e.Cure()
	}
	s.met.lines.Of(s.log, time.Now()).Warn("what is stored cannot be read as it was stored", "what", e.What()+r.names(e), "folder", e.Dir, "err", e.Why, "try", next)
}

// Damaged tells in how many places updates and views have found damage since the store was opened,
// up to 10,000. What was mended since is among them.
func (s *Store) Damaged() int {
	s.met.mu.Lock()
	defer s.met.mu.Unlock()
	return len(s.met.places)
}
