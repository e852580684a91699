package logration

import (
	"strings"
	"sync"
	"time"
	"unicode"
)

// troubleGap is how often trouble that stays is told again.
const troubleGap = time.Minute

// Trouble is what was last told of something that is tried over and over. Its methods may be called
// from any goroutine.
type Trouble struct {
	mu   sync.Mutex
	text string // without its numbers
	told time.Time
}

// News reports whether err is to be told at now: at once if it is another one than before, and once
// a minute as long as it stays. Numbers do not make it another one: those of the blocks that are
// tried change, and so does how little room a full disk has left. nil means that it went well,
// after which any error is another one.
func (t *Trouble) News(err error, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.text, t.told = "", time.Time{}
		return false
	}
	text := withoutNumbers(err.Error())
	if text == t.text && now.Sub(t.told) < troubleGap {
		return false
	}
	t.text, t.told = text, now
	return true
}

func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, text)
}
