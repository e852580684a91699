package cli

import (
	"cmp"
	"slices"
	"strings"

	"cairn/node/api"
)

// typable makes a command in a hint one that can be typed as it stands: it starts this program as it was started, and a
// command for a node names its directory at the end.
func (a *app) typable(hint string) string {
	at := 0
	if !strings.HasPrefix(hint, "cairn ") {
		if at = strings.Index(hint, ": cairn ") + 2; at < 2 {
			return hint
		}
	}
	command := hint[at+len("cairn "):]
	if forNode(command) {
		command += " --dir " + shellWord(a.dir)
	}
	return hint[:at] + cmp.Or(a.command, "cairn") + " " + command
}

// forNode reports whether the arguments of a command ask for a directory that they do not have yet.
func forNode(command string) bool {
	first, _, _ := strings.Cut(command, " ")
	return !slices.Contains([]string{"help", "testnet", "bench"}, first) && !strings.Contains(command, " --help") && !strings.Contains(command, "--dir ")
}

// makeTypable makes the commands that a document names typable.
func (a *app) makeTypable(doc api.View) {
	var next []*string
	switch d := doc.(type) {
	case *api.Sent:
		next = append(next, &d.Next)
	case *api.Status:
		next = append(next, &d.Mail.Next, &d.Org.RefusedNext, &d.Org.EndedNext, &d.Chain.MiningNext)
		for i := range d.Org.Overtaken {
			next = append(next, &d.Org.Overtaken[i].Next)
		}
	case *api.ChainStatus:
		next = append(next, &d.MiningNext)
	case *api.QueueList:
		for i := range d.Entries {
			next = append(next, &d.Entries[i].Next)
		}
	case *api.QueueItem:
		next = append(next, &d.Next)
	}
	for _, text := range next {
		*text = a.typable(*text)
	}
}
