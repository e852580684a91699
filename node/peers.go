package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxKnown bounds the addresses in knownFile.
const maxKnown = 64

// BootstrapPeers returns the addresses to connect to at the start: those of
// the configuration, those of the invite, and those that were reached before.
func BootstrapPeers(dir string, c *Config) ([]string, error) {
	peers := slices.Clone(c.P2P.Bootstrap)
	for _, name := range []string{peersFile, knownFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading peers: %w", err)
		}
		for _, a := range strings.Fields(string(text)) {
			if CheckPeerAddress(a) == nil && !slices.Contains(peers, a) {
				peers = append(peers, a)
			}
		}
	}
	return peers, nil
}

// rememberPeers writes down whom this node has dialled, so that a restart does
// not depend on the node that once sent the invite. The addresses of those that
// dialled us are not where they listen.
func (n *Node) rememberPeers() error {
	var known []string
	for _, p := range n.host.Peers() {
		if !p.Inbound {
			known = append(known, p.Addrs...)
		}
	}
	if len(known) == 0 {
		return nil // alone for a while: what is known stays
	}
	text := strings.Join(known[:min(len(known), maxKnown)], "\n") + "\n"
	path := filepath.Join(n.dir, knownFile)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
