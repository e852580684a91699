package node

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is how long ago the machine was booted, sleep included (clock_gettime(2)).
func sinceBoot() (d time.Duration, known bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
