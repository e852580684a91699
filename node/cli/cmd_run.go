package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
	"cairn/node/logs"
	"cairn/node/ops"
)

func (a *app) cmdRun() *cobra.Command {
	var level string
	var alone bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the node until it is interrupted",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			log, relog, err := a.openLog(c, level)
			if err != nil {
				return err
			}
			defer log.Close()
			boundGarbage()
			signal.Ignore(syscall.SIGPIPE) // whoever read our output may go: the node stays
			ctx, stop := context.WithCancel(c.Context())
			defer stop()
			watched := make(chan struct{})
			close(watched)
			o := node.RunOptions{Log: log.Logger(), Relog: relog, Reload: a.hangups(ctx, stop), Now: a.now, Alone: alone, Crashes: true}
			var told sync.Once // a node that takes another key serves once more
			o.Ready = func(s api.Status) {
				a.printRunning(&s)
				told.Do(func() { a.tellSystemd(ctx, &s, log.Logger()) })
				if isTerminal(a.err) {
					watched = make(chan struct{})
					go func() { defer close(watched); a.watchSync(ctx) }()
				}
			}
			err = node.Run(ctx, a.dir, o)
			stop()
			<-watched
			return err
		},
	}
	c.Flags().StringVar(&level, "log", "", "what to log: debug, info, warn, error (default: as log.level of cairn.toml says)")
	c.Flags().BoolVar(&alone, "alone", false, "go on with the chain as it is here, though others had more of it: they are gone for good")
	return c
}

// boundGarbage has memory collected sooner than Go does by itself: a node keeps little of what a
// message takes. GOGC counts for more.
func boundGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// tellSystemd tells that the node serves, from now on that it lives, and at the end that it stops.
func (a *app) tellSystemd(ctx context.Context, s *api.Status, log *slog.Logger) {
	systemd := ops.NewNotifier(os.Getenv)
	if err := systemd.Ready("serves " + strings.Join(s.Org.Domains, ", ")); err != nil {
		log.Warn("systemd does not learn that the node serves", "err", err)
	}
	go systemd.Watch(ctx, a.answers)
	context.AfterFunc(ctx, func() {
		if err := systemd.Stopping(); err != nil {
			log.Warn("systemd does not learn that the node stops", "err", err)
		}
	})
}

// answers tells whether the node does, over its socket, as whoever asks it does.
func (a *app) answers(ctx context.Context) error {
	client := a.client()
	defer client.Close()
	_, err := client.ChainStatus(ctx)
	return err
}

// openLog opens the log of the node that is to be run, and gives what it takes other settings by. A
// level in the command line counts for more than that of the configuration.
func (a *app) openLog(c *cobra.Command, level string) (*logs.Log, func(node.LogConfig) error, error) {
	if _, err := logs.ParseLevel(level); level != "" && err != nil {
		return nil, nil, usage(c, "--log %v", err)
	}
	config, err := node.LoadConfig(a.dir)
	if err != nil {
		return nil, nil, err
	}
	settings := func(l node.LogConfig) logs.Settings {
		if level != "" {
			l.Level = level
		}
		return l.Settings()
	}
	log, err := logs.Open(a.err, a.json, settings(config.Log))
	if err != nil {
		return nil, nil, config.Log.NoLog(a.dir, err)
	}
	return log, func(l node.LogConfig) error { return log.Set(settings(l)) }, nil
}

func (a *app) printRunning(s *api.Status) {
	a.print(s, func(b *bytes.Buffer) { // a closed standard output does not stop the node
		fmt.Fprintf(b, "%s serves %s on chain %s with parameters of version %d, at block %d\n",
			s.Hostname, strings.Join(s.Org.Domains, ", "), s.Chain.ChainID, s.Chain.Params, s.Chain.Height)
		fmt.Fprintf(b, "  %s\n", line(memberNote(&s.Org), 0))
		if s.Org.Ended != "" {
			fmt.Fprintf(b, "  %s\n", line(withNext(s.Org.Ended, s.Org.EndedNext), 0))
		}
		if s.Chain.MiningWaits != "" && s.Org.Ended == "" {
			fmt.Fprintf(b, "  mining %s\n", line(miningLine(&s.Chain), 0))
		}
		for _, l := range []struct{ what, where string }{
			{"submission", s.Listen.Submission}, {"  with TLS", s.Listen.SubmissionTLS}, {"inbound", s.Listen.Inbound}, {"operations", s.Listen.Operations},
		} {
			if l.where != "" {
				fmt.Fprintf(b, "  %-11s%s\n", l.what, l.where)
			}
		}
		for _, p := range s.Listen.P2P {
			fmt.Fprintf(b, "  %-11s%s\n", "p2p", p)
		}
	})
}

// watchSync draws a bar while the node catches up with the network.
func (a *app) watchSync(ctx context.Context) {
	client := a.client()
	defer client.Close()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var bar syncBar
	defer bar.finish()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s, err := client.ChainStatus(ctx); err == nil {
			if s.Syncing {
				bar.update(a, s.Height, s.SyncTarget)
			} else {
				bar.finish()
			}
		}
	}
}
