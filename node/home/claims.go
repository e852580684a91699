package home

import (
	"fmt"
	"strings"

	"cairn/mailstore"
	"cairn/node/api"
)

// Facts tell what the files of a backup, by name, say of the node that it is of: what a manifest
// repeats of them, which is all but Software, Made, Journal and Parts.
type Facts func(files map[string][]byte) (Manifest, error)

// whole is what is kept of a backup while it is read, to hold its manifest to.
type whole struct {
	files map[string][]byte
	mail  mailstore.DumpStats
}

// check holds a manifest to what is in the parts: its digest says only that it is as somebody wrote
// it.
func (w *whole) check(m *Manifest, facts Facts) error {
	var untrue []string
	hold := func(what, says, is string) {
		if says != is {
			untrue = append(untrue, fmt.Sprintf("it says %s %s, the parts say %s", what, orNone(says), orNone(is)))
		}
	}
	is, err := facts(w.files)
	if err != nil {
		return api.Errorf(api.CodeInvalid, another, reading+"its parts are whole, but no node's: %v", err)
	}
	hold("organisation", m.Organisation, is.Organisation)
	hold("organisation id", m.OrgID, is.OrgID)
	hold("network", m.Network, is.Network)
	hold("chain", m.ChainID, is.ChainID)
	hold("node", m.Node, is.Node)
	hold("change", fmt.Sprint(m.Journal), fmt.Sprint(uint64(w.mail.Journal)))
	if len(untrue) > 0 {
		return damaged("its manifest is not true: %s", strings.Join(untrue, "; "))
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
