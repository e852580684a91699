package lists

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

// What the tests beside this package go by, which deliver.
const (
	FanOut = fanOut
	Space  = space
)

var (
	Devs     = devs
	Hosted   = hosted
	UnderWay = underWay
)

// Once lets a distributor do one transaction.
func (d *Distributor) Once(ctx context.Context) (worked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = d.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
		worked, err = d.step(tx)
		return err
	})
	if worked || err != nil {
		return worked, err
	}
	for {
		next, more, err := d.look(ctx)
		if err != nil || !more {
			return false, err
		}
		if next != nil {
			return true, d.take(ctx, *next)
		}
	}
}
