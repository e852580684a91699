package node

import (
	"syscall"
	"time"
)

// kernelClock asks the kernel whether a time service keeps its clock, and how far off it may be by
// that (adjtimex(2)).
func kernelClock() (synchronised bool, within time.Duration, known bool) {
	const unsynchronised = 5 // TIME_ERROR
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return false, 0, false
	}
	return state != unsynchronised, time.Duration(t.Maxerror) * time.Microsecond, true
}
