package cli

import (
	"cmp"

	"cairn/node/api"
)

// typable makes a command in a hint one that can be typed as it stands: it starts this program as it was started, and a
// command for a node names its directory at the end.
func (a *app) typable(hint string) string {
	return api.Typable(hint, cmp.Or(a.command, "cairn"), a.dir)
}

// makeTypable makes the commands that a document names typable.
func (a *app) makeTypable(doc api.View) {
	var next []*string
	switch d := doc.(type) {
	case *api.Sent:
		next = append(next, &d.Next)
	case *api.Status:
		next = append(next, &d.Mail.Next, &d.Org.RefusedNext, &d.Org.EndedNext, &d.Chain.MiningNext)
		for i := range d.SilentPeers {
			next = append(next, &d.SilentPeers[i].Next)
		}
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
