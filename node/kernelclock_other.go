//go:build !linux

package node

import "time"

// kernelClock is not known here.
func kernelClock() (synchronised bool, within time.Duration, known bool) { return false, 0, false }
