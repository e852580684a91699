package smtpgw

import "time"

// Clock is what a gateway goes by. A zero value is the machine's clock, which is not known to be
// wrong.
type Clock struct {
	Now      func() time.Time
	Distrust func() bool // whether it is known to be wrong: no mail is too old by it then
}

func (c Clock) withDefaults() Clock {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Distrust == nil {
		c.Distrust = func() bool { return false }
	}
	return c
}
