package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cairn/node/api"
)

// guide is what help prints with --json: a command, or all of them for the program itself.
type guide struct {
	api.Document
	Commands  []guideCommand `json:"commands"`
	Flags     []guideFlag    `json:"flags"` // that all commands take
	ExitCodes []guideExit    `json:"exit_codes"`
}

type guideCommand struct {
	Command string      `json:"command"` // "cairn label add"
	Form    string      `json:"form"`    // "cairn label add ACCOUNT/ID... LABEL..."
	Short   string      `json:"short"`
	Long    string      `json:"long,omitempty"`
	Example string      `json:"example,omitempty"`
	Flags   []guideFlag `json:"flags"` // its own
}

type guideFlag struct {
	Name    string `json:"name"` // without hyphens
	Type    string `json:"type"` // as "string", "bool", "stringArray"
	Default string `json:"default,omitempty"`
	Says    string `json:"says"`
}

type guideExit struct {
	Code    int    `json:"code"`
	Meaning string `json:"meaning"`
}

// exitCodes are told here and in doc/reference.md.
var exitCodes = []guideExit{
	{0, "done; of `verify`: verified"},
	{1, "an error; the message says what failed, why, and what to try. Of `doctor`: something is wrong, and the findings say what"},
	{2, "the command line, or a query in it, cannot be understood"},
	{3, "unrecorded or vouched"},
	{4, "changed; of `message compare`: not the same"},
	{5, "pending"},
	{6, "no node runs in that directory"},
	{7, "not allowed"},
	{8, "missing, replayed or invalid"},
	{75, "try later; of `send`: queued, and never recorded as things stand"},
	{exitConfig, "of `run`: the configuration cannot be used, or the node has joined no network; starting it again changes nothing"},
	{130, "interrupted, as with Ctrl-C; `run` ends with 0"},
}

// guideTo describes a command and those below it.
func guideTo(c *cobra.Command) *guide {
	c.InitDefaultHelpFlag()
	g := &guide{Flags: guideFlags(c.Root().PersistentFlags()), ExitCodes: exitCodes}
	g.add(c)
	return g
}

func (g *guide) add(c *cobra.Command) {
	if p := c.Parent(); p != nil {
		g.Commands = append(g.Commands, guideCommand{
			Command: c.CommandPath(), Form: p.CommandPath() + " " + c.Use, Short: c.Short, Long: c.Long,
			Example: c.Example, Flags: guideFlags(c.LocalNonPersistentFlags()),
		})
	}
	for _, sub := range c.Commands() { // in the order of their names
		if sub.IsAvailableCommand() {
			g.add(sub)
		}
	}
}

func guideFlags(set *pflag.FlagSet) []guideFlag {
	var list []guideFlag
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden {
			list = append(list, guideFlag{Name: f.Name, Type: f.Value.Type(), Default: f.DefValue, Says: f.Usage})
		}
	})
	return list
}
