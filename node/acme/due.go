package acme

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	// firstAgain is how long after a failure the next attempt waits; each further one waits twice
	// as long as the one before, and mostAgain at most. Authorities count failures by the hour.
	firstAgain = 10 * time.Minute
	mostAgain  = 6 * time.Hour
	// tellAgain is how often a failure that stays is told again.
	tellAgain = 24 * time.Hour
	// mostAsked is how long an authority may have us wait: limits of a week are the longest known.
	mostAsked = 7 * 24 * time.Hour
	// withinAttempt is what is waited for within an attempt.
	withinAttempt = 30 * time.Second
)

// errUnfinished is how an attempt went until its end is known.
var errUnfinished = errors.New("the node ended while the authority was asked")

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
	asked  bool  // next is when the authority asked us to come again
}

// settled lets an attempt be now whose time the clock has put out of reach.
func (a *attempts) settled(now time.Time) {
	if a.next.Sub(now) > mostAsked {
		a.next = time.Time{}
	}
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
	asked := retryAfter(err, now)
	a.asked = asked > again
	a.err, a.next = err, now.Add(max(again, asked))
	return tell
}

// kept is what is kept of attempts at the authority at directory.
func (a *attempts) kept(directory string) Attempt {
	return Attempt{Directory: directory, Failed: a.failed, Next: a.next.UTC(), Asked: a.asked, Why: short(a.err)}
}

// retryAfter is how long the authority asked us to wait with the answer that is an error.
func retryAfter(err error, now time.Time) time.Duration {
	said, ok := errors.AsType[*acme.Error](err)
	if !ok {
		return 0
	}
	return min(parseRetryAfter(said.Header, now), mostAsked)
}

// parseRetryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds or a date.
func parseRetryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// backoff is how long a request waits that is sent again within an attempt; 0: it is not. Who is
// told of a limit (RFC 8555, section 6.6), or to come later, comes with another attempt.
func backoff(n int, resp *http.Response, now time.Time) time.Duration {
	asked := parseRetryAfter(resp.Header, now)
	if resp.StatusCode == http.StatusTooManyRequests || asked > withinAttempt {
		return 0
	}
	return max(asked, min(time.Second<<min(n-1, 10), 10*time.Second))
}
