package node

import "time"

// elapsed measures how long a program has been there, the time included for which the machine was
// asleep: its wall clock goes on then, and the clock by which Go measures does not
// (CLOCK_MONOTONIC).
type elapsed struct {
	start time.Time
	boot  time.Duration // that went by from the boot of the machine to start
	known bool          // boot is
}

func newElapsed(start time.Time) elapsed {
	e := elapsed{start: start}
	e.boot, e.known = sinceBoot()
	return e
}

// now is how long it has been. Where the machine does not say how long it slept, that is left out,
// and waking looks like a clock that was set forward.
func (e elapsed) now() time.Duration {
	boot, known := sinceBoot()
	return e.at(time.Now(), boot, known)
}

// at is how long it had been when these were read.
func (e elapsed) at(now time.Time, boot time.Duration, known bool) time.Duration {
	if known && e.known {
		return boot - e.boot
	}
	return now.Sub(e.start)
}
