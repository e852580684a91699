//go:build !linux

package node

import "time"

// sinceBoot is not known here.
func sinceBoot() (d time.Duration, known bool) { return 0, false }
