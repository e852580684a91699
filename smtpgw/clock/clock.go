// Package clock has what the parts of the gateway take times from.
package clock

import "time"

// Clock is what a part of the gateway goes by. A zero value is the machine's clock, which is not
// known to be wrong.
type Clock struct {
	Now      func() time.Time
	Distrust func() bool // whether it is known to be wrong: no mail is too old by it then
}

// WithDefaults is the clock with what it lacks.
func (c Clock) WithDefaults() Clock {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Distrust == nil {
		c.Distrust = func() bool { return false }
	}
	return c
}
