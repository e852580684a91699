package node

import (
	"path/filepath"

	"cairn/node/home"
)

// typable makes a next step that is told in the log or in a mail one that can be typed, wherever it is read. In what a
// request is answered with the command line does that, which knows how it was started.
func (n *Node) typable(hint string) string {
	dir, err := filepath.Abs(n.dir)
	if err != nil {
		dir = n.dir
	}
	return home.Typable(hint, "cairn", dir)
}

// said is what a loop has last said of some trouble, so that it says it once and not each time round.
type said string

// news reports whether err has to be said; nil means that it is well again.
func (s *said) news(err error) bool {
	now := said("")
	if err != nil {
		now = said(err.Error())
	}
	was := *s
	*s = now
	return now != "" && now != was
}
