package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
)

func (a *app) cmdRun() *cobra.Command {
	var level string
	var alone bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the node until it is interrupted",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return usage(c, "--log %q is none of debug, info, warn, error", level)
			}
			o := &slog.HandlerOptions{Level: l}
			var log slog.Handler = slog.NewTextHandler(a.err, o)
			if a.json {
				log = slog.NewJSONHandler(a.err, o)
			}
			signal.Ignore(syscall.SIGPIPE) // whoever read our output may go: the node stays
			ctx, stop := context.WithCancel(c.Context())
			defer stop()
			watched := make(chan struct{})
			close(watched)
			err := node.Run(ctx, a.dir, node.RunOptions{Log: slog.New(log), Now: a.now, Alone: alone, Ready: func(s api.Status) {
				a.printRunning(&s)
				if isTerminal(a.err) {
					watched = make(chan struct{})
					go func() { defer close(watched); a.watchSync(ctx) }()
				}
			}})
			stop()
			<-watched
			return err
		},
	}
	c.Flags().StringVar(&level, "log", "info", "what to log on standard error: debug, info, warn, error")
	c.Flags().BoolVar(&alone, "alone", false, "go on with the chain as it is here, though others had more of it: they are gone for good")
	return c
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
			{"submission", s.Listen.Submission}, {"inbound", s.Listen.Inbound},
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
