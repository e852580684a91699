//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"cairn/mailstore/wake"
)

// hangups tells by a channel when the configuration is to be read anew: at SIGHUP. Where the node
// was started at a terminal that is gone, the signal means that, and ended is called.
func (a *app) hangups(ctx context.Context, ended func()) <-chan struct{} {
	atTerminal := isTerminal(a.err)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	reload := make(chan struct{}, 1) // one is enough: what comes meanwhile is read with it
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if atTerminal && !isTerminal(a.err) {
				ended()
				return
			}
			wake.Up(reload)
		}
	}()
	return reload
}
