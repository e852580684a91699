package node

import (
	"net"
	"path/filepath"
	"sync"
	"testing"

	"cairn/node/api"
)

// Of nodes that are started in one directory at the same moment, one runs and
// can be asked; the others say why not.
func TestOneNodePerDirectory(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	for range 5 {
		nodes, errs := make([]*Node, 4), make([]error, 4)
		var all sync.WaitGroup
		for i := range nodes {
			all.Go(func() { nodes[i], errs[i] = Open(t.Context(), dir, nil) })
		}
		all.Wait()
		running := 0
		for i, n := range nodes {
			if errs[i] != nil {
				if api.AsError(errs[i]).Code != api.CodeExists {
					t.Errorf("a second node: %v", errs[i])
				}
				continue
			}
			running++
			c, err := net.Dial("unix", filepath.Join(dir, api.SocketFile))
			if err != nil {
				t.Errorf("the running node cannot be asked: %v", err)
			} else {
				c.Close()
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		if running != 1 {
			t.Fatalf("%d nodes run in one directory", running)
		}
	}
}
