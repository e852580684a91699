package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/node/membership"
)

// maxKnown bounds the addresses in knownFile. All of them are dialled at the
// start and kept in touch with.
const maxKnown = 16

// bootstrapPeers returns the addresses to connect to at the start: those of
// the configuration, those of the invite, and those that were reached before.
func bootstrapPeers(dir string, c *Config) ([]string, error) {
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

const (
	// announcedEvery is how often a node that dialled us is asked whether it can be dialled.
	announcedEvery = 10 * time.Minute
	// maxAnnounced bounds the addresses that are kept of such nodes, beside those that this one has
	// dialled.
	maxAnnounced = maxKnown / 2
)

// keepPeers writes down where others are, so that a restart depends neither on the node that once
// sent the invite nor, on a node that all others have dialled, on them.
func (n *Node) keepPeers(ctx context.Context) error {
	wake, cancel := n.host.Subscribe()
	defer cancel()
	again := time.NewTicker(5 * n.genesis.Params.BlockInterval)
	defer again.Stop()
	told := make(map[consensus.Key]announced)
	var trouble said
	for {
		n.askAnnounced(ctx, told)
		if err := n.rememberPeers(told); trouble.news(err) && ctx.Err() == nil {
			n.log.Warn("the addresses of peers could not be kept", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-again.C:
		}
	}
}

// announced is where a node that dialled us answers.
type announced struct {
	at   string // empty: nowhere
	when time.Time
}

// askAnnounced looks whether members that have dialled this node answer where they say that they
// listen. Strangers could say so much that members are forgotten for it.
func (n *Node) askAnnounced(ctx context.Context, told map[consensus.Key]announced) {
	s := n.chain.State()
	here := make(map[consensus.Key]bool)
	for _, p := range n.host.Peers() {
		_, member := s.ActiveNode(p.Node)
		here[p.Node] = p.Inbound && member
		if was, asked := told[p.Node]; !here[p.Node] || asked && time.Since(was.when) < announcedEvery || ctx.Err() != nil {
			continue
		}
		told[p.Node] = announced{n.host.Announced(ctx, p), time.Now()}
	}
	maps.DeleteFunc(told, func(k consensus.Key, _ announced) bool { return !here[k] })
}

// rememberPeers writes down whom this node has dialled, and where those that have dialled it
// answer. The addresses that these came from are not where they listen.
func (n *Node) rememberPeers(told map[consensus.Key]announced) error {
	var reached, answer []string
	for _, p := range n.host.Peers() {
		if !p.Inbound {
			reached = append(reached, p.Addrs...)
		}
	}
	for _, a := range told {
		if a.at != "" {
			answer = append(answer, a.at)
		}
	}
	path := filepath.Join(n.dir, knownFile)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := knownPeers(reached, answer, string(before))
	if text == string(before) {
		return nil
	}
	return replaceFile(path, []byte(text))
}

// knownPeers returns the text of knownFile: the addresses that are connected now, those of others
// that answer, and below them those of before, as far as there is room. A node that is away for a
// while is not forgotten.
func knownPeers(reached, answer []string, before string) string {
	reached, answer = slices.Sorted(slices.Values(reached)), slices.Sorted(slices.Values(answer))
	answer = answer[:min(len(answer), maxAnnounced)]
	var text strings.Builder
	seen := make(map[string]bool)
	for _, a := range slices.Concat(reached, answer, strings.Fields(before)) {
		if !seen[a] && len(seen) < maxKnown {
			seen[a] = true
			text.WriteString(a + "\n")
		}
	}
	return text.String()
}
