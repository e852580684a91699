package cli

import (
	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/testnet"
)

func (a *app) cmdTestnet() *cobra.Command {
	o := testnet.Options{Out: a.out, Err: a.err}
	c := &cobra.Command{
		Use:   "testnet",
		Short: "Run several organisations on this machine and follow a mail between them",
		Long: `Run several organisations on this machine: real nodes with real listeners on loopback ports, that share a chain. A
mail goes from one to another and turns from pending to verified; a copy that was tampered with is found out part by
part. The nodes stay up until Ctrl-C. With --exit the command ends after the story, with status 0 only if all of it
came out as it should.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Orgs < 2 || o.Orgs > 16 {
				return usage(c, "--orgs %d: 2 to 16 organisations", o.Orgs)
			}
			if c.Flags().Changed("dir") { // a node's usual directory is not for this
				o.Dir = a.dir
			}
			o.JSON = a.json
			err := testnet.Run(c.Context(), o)
			if err != nil && c.Context().Err() != nil {
				return api.Errorf(api.CodeTryLater, "cairn testnet", "running the testnet: interrupted")
			}
			return err
		},
	}
	c.Flags().IntVar(&o.Orgs, "orgs", 3, "number of organisations")
	c.Flags().BoolVar(&o.Exit, "exit", false, "end after the story")
	c.Flags().StringVar(&o.Corpus, "corpus", "", "folder of messages to send from the first organisation to the second")
	return c
}
