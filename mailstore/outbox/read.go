package outbox

import (
	"errors"
	"fmt"

	"cairn/mailstore"
)

// reading is what was read of entries: those that are damaged hold up no others.
type reading struct {
	entries []Entry
	damaged []error // one for each entry that cannot be read, or is not there
}

// read reads up to most entries that are wanted, as the keys of a table have them. What these keys
// have for a value does not matter: it may be damaged.
func read(sp mailstore.SpaceReader, table, from []byte, most int, wanted func(e *Entry) bool) (r reading, err error) {
	var failed error
	err = sp.Keys(table, from, func(key []byte) bool {
		if len(r.entries) < most {
			failed = r.take(sp, idOf(key), wanted)
		}
		return failed == nil && len(r.entries) < most
	})
	return r, errors.Join(err, failed)
}

func anyEntry(*Entry) bool { return true }

// take reads one entry. The error is another one than of damage.
func (r *reading) take(sp mailstore.SpaceReader, id uint64, wanted func(e *Entry) bool) error {
	e, err := getEntry(sp, id)
	switch {
	case errors.Is(err, ErrGone):
		r.damaged = append(r.damaged, fmt.Errorf("queue entry %d is not there, and keys that lead to it are: %w", id, errCounts))
	case spoilt(err):
		r.damaged = append(r.damaged, err)
	case err != nil:
		return err
	case wanted(&e):
		r.entries = append(r.entries, e)
	}
	return nil
}

// damage is the error of the damaged entries, nil without any.
func (r *reading) damage() error {
	switch n := len(r.damaged); n {
	case 0:
		return nil
	case 1:
		return r.damaged[0]
	default:
		return fmt.Errorf("%d entries cannot be read, the first: %w", n, r.damaged[0])
	}
}

// tell has the log say what is damaged, each once in a run: whoever comes upon it asks again and
// again.
func (q *Queue) tell(damaged []error) {
	for _, bad := range damaged {
		if _, said := q.told.LoadOrStore(bad.Error(), true); !said {
			q.log.Error("an entry of the queue is damaged: its mail waits, all other goes on", "err", bad)
		}
	}
}
