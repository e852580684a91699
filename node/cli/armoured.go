package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/node/membership"
)

// armour says of a kind of string that people carry from one node to another what it is and what it
// is for.
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

// armoured reads the argument of a command that takes a string of one of these kinds, the first
// being what it mostly is; - is standard input. It may stand in other text, as a command or a mail
// has it. Another kind, or a file, is told for what it is.
func (a *app) armoured(c *cobra.Command, arg string, kinds ...membership.Armour) (string, membership.Armour, error) {
	var names, begins, again []string
	for _, kind := range kinds {
		names = append(names, "the "+armours[kind].name)
		begins, again = append(begins, strconv.Quote(string(kind))), append(again, armours[kind].again)
	}
	want, hint := strings.Join(names, " or "), strings.Join(again, ", or ")
	text, err := a.given(c, arg, want)
	if err != nil {
		return "", "", err
	}
	switch found := armouredIn(text); {
	case len(found) > 1:
		return "", "", usage(c, "reading %s: there are %d in it: give the one that is meant alone", want, len(found))
	case len(found) == 1:
		kind := membership.ArmourOf(found[0])
		if !slices.Contains(kinds, kind) {
			return "", "", api.Errorf(api.CodeUsage, armours[kind].use, "reading %s: it is none, it is %s", want, armours[kind].kind)
		}
		return found[0], kind, nil
	case strings.TrimSpace(text) == "":
		return "", "", api.Errorf(api.CodeUsage, hint, "reading %s: it is empty", want)
	}
	info, err := os.Stat(arg)
	switch {
	case arg == "-" || err != nil:
		return "", "", api.Errorf(api.CodeUsage, hint, "reading %s: nothing in it begins with %s", want, strings.Join(begins, " or "))
	case info.IsDir():
		return "", "", api.Errorf(api.CodeUsage, c.CommandPath()+" "+strings.ToUpper(armours[kinds[0]].name), "reading %s: %s is a folder; it is one string", want, arg)
	}
	return "", "", api.Errorf(api.CodeUsage, c.CommandPath()+" --dir "+api.ShellWord(a.dir)+" - < "+api.ShellWord(arg),
		"reading %s: %s is a file; what is in a file is given on standard input", want, arg)
}

// armouredWord is what may be such a string, with the lines after it that may be the rest of one
// that mail has broken.
var armouredWord = regexp.MustCompile(`(?m)\bcairn[a-z0-9-]*:[\w-]*(?:[ \t\r]*\n[ \t]*[\w-]+[ \t\r]*$)*`)

// armouredIn finds such strings in a text, each once and without white space.
func armouredIn(text string) (list []string) {
	candidates := armouredWord.FindAllString(text, -1)
	if whole := strings.Join(strings.Fields(text), ""); intact(whole) {
		candidates = []string{whole}
	}
	for _, candidate := range candidates {
		lines := strings.Fields(candidate)
		word := strings.Join(lines, "")
		for i := range lines {
			if first := strings.Join(lines[:i+1], ""); intact(first) {
				word = first
				break
			}
		}
		if membership.ArmourOf(word) != "" && !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

// intact reports whether s is such a string, and all of it.
func intact(s string) bool {
	var err error
	switch membership.ArmourOf(s) {
	case membership.ArmourInvite:
		_, err = membership.DecodeInvite(s)
	case membership.ArmourRequest:
		_, err = membership.DecodeNodeRequest(s)
	case membership.ArmourAdmission:
		_, err = membership.DecodeAdmission(s)
	default:
		return false
	}
	return err == nil
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
