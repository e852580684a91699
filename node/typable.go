package node

import (
	"path/filepath"

	"cairn/node/api"
)

// typable makes a next step that is told in the log or in a mail one that can be typed, wherever it
// is read. In what a request is answered with the command line does that, which knows how it was
// started.
func (n *Node) typable(hint string) string {
	dir, err := filepath.Abs(n.dir)
	if err != nil {
		dir = n.dir
	}
	return api.Typable(hint, "cairn", dir)
}
