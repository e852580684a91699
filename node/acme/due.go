package acme

import (
	"crypto/x509"
	"time"
)

const (
	// firstAgain is how long after a failure the next attempt waits; each further one waits twice
	// as long as the one before, and mostAgain at most. Authorities count failures by the hour.
	firstAgain = 10 * time.Minute
	mostAgain  = 6 * time.Hour
	// tellAgain is how often a failure that stays is told again.
	tellAgain = 24 * time.Hour
)

// renewal is when a certificate is to be replaced: when a third of its life is left.
func renewal(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
}

// attempts is how it went with a name. Its zero value is of one that was never tried.
type attempts struct {
	failed int // in a row
	next   time.Time
	told   time.Time
	err    error // of the last one; nil: it went well, or there was none
}

// due is when the name is to be tried; c: what it has from the authority at directory, or nil.
func (a *attempts) due(c *Certified, directory string) time.Time {
	if c == nil || c.Directory != directory {
		return a.next
	}
	if at := renewal(c.Certificate.Leaf); at.After(a.next) {
		return at
	}
	return a.next
}

// after notes the outcome of an attempt, and reports whether it is to be told: a failure at first,
// and once a day as long as it stays.
func (a *attempts) after(err error, now time.Time) (tell bool) {
	if err == nil {
		*a = attempts{}
		return false
	}
	again := firstAgain
	for range min(a.failed, 10) {
		again = min(2*again, mostAgain)
	}
	if tell = a.failed == 0 || now.Sub(a.told) >= tellAgain || now.Before(a.told); tell {
		a.told = now
	}
	a.failed++
	a.err, a.next = err, now.Add(again)
	return tell
}
