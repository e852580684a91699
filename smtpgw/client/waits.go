package client

import (
	"cmp"
	"time"
)

// Waits are for how long another server is waited for. A zero value takes its default in
// WithDefaults alone.
type Waits struct {
	Dial      time.Duration // to open a connection; default 30 s
	Reply     time.Duration // for a reply to come, twice that for one to a text; default 5 min (RFC 5321, section 4.5.3.2)
	LastWords time.Duration // for the reply to a whole text at a stop; default 5 s
}

// WithDefaults has the defaults in the place of zero values.
func (w Waits) WithDefaults() Waits {
	w.Dial = cmp.Or(w.Dial, 30*time.Second)
	w.Reply = cmp.Or(w.Reply, 5*time.Minute)
	w.LastWords = cmp.Or(w.LastWords, 5*time.Second)
	return w
}
