package node

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cairn/node/api"
)

// Of nodes that are started in one directory at the same moment, one runs and
// can be asked; the others say why not.
func TestOneNodePerDirectory(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	cfg, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Mine, cfg.Submission.Listen, cfg.Inbound.Listen, cfg.P2P.Listen = "off", "127.0.0.1:0", "", []string{"/ip4/127.0.0.1/tcp/0"}
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), cfg.Format(), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		nodes, errs := make([]*Node, 4), make([]error, 4)
		var all sync.WaitGroup
		for i := range nodes {
			all.Go(func() { nodes[i], errs[i] = Open(dir, nil) })
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
