package node

import (
	"runtime"

	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

// deriver derives components of mail that arrived, of few messages at one time: a picture takes up
// to 100 MB while it is looked at.
func deriver() func(*message.Dissection, message.Type) ([]message.Component, bool) {
	turns := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)/2))
	return func(d *message.Dissection, t message.Type) ([]message.Component, bool) {
		turns <- struct{}{}
		defer func() { <-turns }()
		return derive.Of(d, t)
	}
}
