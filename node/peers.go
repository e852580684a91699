package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/node/membership"
)

// maxKnown bounds the addresses in knownFile. All of them are dialled at the
// start and kept in touch with.
const maxKnown = 16

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
			if membership.CheckPeerAddress(a) == nil && !slices.Contains(peers, a) {
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
	var reached []string
	for _, p := range n.host.Peers() {
		if !p.Inbound {
			reached = append(reached, p.Addrs...)
		}
	}
	path := filepath.Join(n.dir, knownFile)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := knownPeers(reached, string(before))
	if text == string(before) {
		return nil
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// knownPeers returns the text of knownFile: the addresses that are connected
// now, and below them those of before, as far as there is room. A node that is
// away for a while is not forgotten.
func knownPeers(reached []string, before string) string {
	reached = slices.Sorted(slices.Values(reached))
	var text strings.Builder
	seen := make(map[string]bool)
	for _, a := range slices.Concat(reached, strings.Fields(before)) {
		if !seen[a] && len(seen) < maxKnown {
			seen[a] = true
			text.WriteString(a + "\n")
		}
	}
	return text.String()
}
