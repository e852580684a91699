package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/node/membership"
)

// armour says of a kind of string that people carry from one node to another what it is and what it is for.
type armour struct {
	name  string
	kind  string // with its article
	again string // how to get another one
	use   string
}

var armours = map[membership.Armour]armour{
	membership.ArmourInvite: {
		"invite", "an invite to a network", "ask for the invite again, as cairn org invite prints it",
		"an invite is for cairn join, or for cairn org node request on a machine that is to be one more node of an organisation",
	},
	membership.ArmourRequest: {
		"request", "the request of a node", "ask for the request again, as cairn org node request prints it on the new machine",
		"a request is for cairn org node add, on a node of the organisation",
	},
	membership.ArmourAdmission: {
		"admission", "the admission of a node", "copy it again, as cairn org node add printed it",
		"an admission is for cairn join, on the machine whose request was taken in",
	},
}

// armoured reads the argument of a command that takes a string of one of these kinds, the first being what it mostly is; - is
// standard input. Another kind, or a file, is told for what it is.
func (a *app) armoured(c *cobra.Command, arg string, kinds ...membership.Armour) (string, membership.Armour, error) {
	want := armours[kinds[0]]
	text, err := a.given(c, arg, "the "+want.name)
	if err != nil {
		return "", "", err
	}
	kind := membership.ArmourOf(text)
	switch {
	case slices.Contains(kinds, kind):
		return text, kind, nil
	case kind != "":
		got := armours[kind]
		return "", kind, api.Errorf(api.CodeUsage, got.use, "reading the %s: it is none, it is %s", want.name, got.kind)
	case strings.TrimSpace(text) == "":
		return "", "", api.Errorf(api.CodeUsage, want.again, "reading the %s: it is empty", want.name)
	}
	info, err := os.Stat(arg)
	switch {
	case arg == "-" || err != nil:
		return "", "", api.Errorf(api.CodeUsage, want.again, "reading the %s: it does not begin with %q", want.name, kinds[0])
	case info.IsDir():
		return "", "", api.Errorf(api.CodeUsage, c.CommandPath()+" "+strings.ToUpper(want.name), "reading the %s: %s is a folder; it is one string", want.name, arg)
	}
	return "", "", api.Errorf(api.CodeUsage, c.CommandPath()+" --dir "+shellWord(a.dir)+" - < "+shellWord(arg),
		"reading the %s: %s is a file; what is in a file is given on standard input", want.name, arg)
}

// given is an argument, or standard input if it is -.
func (a *app) given(c *cobra.Command, arg, what string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	b, err := a.readUpTo(c.Context(), "-", maxArmoured)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", what, err)
	}
	return string(b), nil
}

// badArmour is the error of a string of that kind which cannot be read.
func badArmour(kind membership.Armour, err error) error {
	return api.Errorf(api.CodeInvalid, armours[kind].again, "%v", err)
}
