package logration

import "time"

// troubleGap is how often trouble that stays is told again.
const troubleGap = time.Minute

// Trouble is what was last told of something that is tried over and over. It is of one goroutine.
type Trouble struct {
	text string
	told time.Time
}

// News reports whether err is to be told at now: at once if it is another one than before, and once
// a minute as long as it stays. nil means that it went well, after which any error is another one.
func (t *Trouble) News(err error, now time.Time) bool {
	switch {
	case err == nil:
		*t = Trouble{}
		return false
	case err.Error() == t.text && now.Sub(t.told) < troubleGap:
		return false
	}
	*t = Trouble{text: err.Error(), told: now}
	return true
}
