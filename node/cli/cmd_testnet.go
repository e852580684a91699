package cli

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/testnet"
)

func (a *app) cmdTestnet() *cobra.Command {
	o := testnet.Options{Err: a.err}
	c := &cobra.Command{
		Use:   "testnet",
		Short: "Run several organisations on this machine and follow a mail between them",
		Long: `Run several organisations on this machine: real nodes with real listeners on loopback ports, that share a chain. A
mail goes from one to another and turns from pending to verified; a copy that was tampered with is found out part by
part. The nodes stay up until Ctrl-C. With --exit the command ends after the story, with status 0 only if all of it
came out as it should.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Orgs < 2 || o.Orgs > 16 {
				return usage(c, "--orgs %d: 2 to 16 organisations", o.Orgs)
			}
			if c.Flags().Changed("dir") { // a node's usual directory is not for this
				o.Dir = a.dir
			}
			o.JSON, o.Command = a.json, a.command
			signal.Ignore(syscall.SIGPIPE) // the failure to write ends it, with its nodes and folders
			ctx, stop := context.WithCancelCause(c.Context())
			defer stop(nil)
			o.Out = &listener{to: a.out, clean: clean, gone: stop}
			if a.json {
				o.Out = &listener{to: a.out, clean: cleanJSON, gone: stop}
			}
			err := testnet.Run(ctx, o)
			switch {
			case c.Context().Err() != nil && err != nil:
				return api.Errorf(api.CodeTryLater, "cairn testnet", "running the testnet: interrupted")
			case ctx.Err() != nil && c.Context().Err() == nil:
				return fmt.Errorf("running the testnet: nobody listens: %w", context.Cause(ctx))
			}
			return err
		},
	}
	c.Flags().IntVar(&o.Orgs, "orgs", 3, "number of organisations")
	c.Flags().BoolVar(&o.Exit, "exit", false, "end after the story")
	c.Flags().StringVar(&o.Corpus, "corpus", "", "folder of messages to send from the first organisation to the second")
	return c
}

// listener is whom the story is told to.
type listener struct {
	to    io.Writer
	clean func(string) string     // makes what is told harmless to terminals
	gone  context.CancelCauseFunc // called when it can be told no more
}

func (l *listener) Write(b []byte) (int, error) {
	if _, err := io.WriteString(l.to, l.clean(string(b))); err != nil {
		l.gone(err)
		return 0, err
	}
	return len(b), nil
}
