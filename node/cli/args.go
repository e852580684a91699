package cli

import (
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"
)

// unlimited is any number of arguments, as the upper bound of between.
const unlimited = math.MaxInt

// oneStdin tells when - stands for more than one message: standard input can be read once.
func oneStdin(c *cobra.Command, files []string) error {
	at := slices.Index(files, "-")
	if at >= 0 && slices.Contains(files[at+1:], "-") {
		return usage(c, "- is standard input, and there is only one")
	}
	return nil
}

// envelope gives the addresses of recipients in their canonical form.
func envelope(c *cobra.Command, recipients []string) ([]string, error) {
	var all []string
	for _, r := range recipients {
		list, err := addresses(r)
		if err != nil {
			return nil, usage(c, "--recipient %q is not a mail address", r)
		}
		all = appendNew(all, list)
	}
	return all, nil
}

// exactly is the rule of a command with n arguments.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between is the rule of a command with least to most arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		form := c.Parent().CommandPath() + " " + c.Use
		switch {
		case len(args) < least:
			return fmt.Errorf("an argument is missing, write: %s", form)
		case len(args) > most:
			return fmt.Errorf("%q is one argument too many, write: %s", args[most], form)
		}
		return nil
	}
}
