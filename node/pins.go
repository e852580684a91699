package node

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/verifier"
)

// Pin is our trust in an org key for a domain.
type Pin struct {
	Domain string // canonical
	Key    consensus.Key
	Source string // PinOwn, PinGenesis or PinInvite
}

// Where a pin comes from.
const (
	PinOwn     = string(verifier.SourceOwn)     // our own organisation
	PinGenesis = string(verifier.SourceGenesis) // the network's founder
	PinInvite  = string(verifier.SourceInvite)  // who invited us
)

// StartPins returns the pins that the node was given when it founded or
// joined its network. Later ones are kept with the mail.
func StartPins(dir string) ([]Pin, error) {
	path := filepath.Join(dir, pinsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading pins: %w", err)
	}
	var pins []Pin
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) != 3 {
			return nil, spoilt(path, fmt.Errorf("line %d is not \"domain key source\"", n))
		}
		key, err := consensus.ParseKey(f[1])
		if err != nil {
			return nil, spoilt(path, fmt.Errorf("line %d: %w", n, err))
		}
		pins = append(pins, Pin{Domain: f[0], Key: key, Source: f[2]})
	}
	return pins, lines.Err()
}

// formatPins leaves out what an earlier pin says of the same domain: our own
// come first, then the founder's.
func formatPins(pins []Pin) []byte {
	b := []byte("# Trust that this node started with: domain, org key, source. What \"cairn org trust\" and \"untrust\" decided since overrides it.\n")
	for i, p := range pins {
		if !slices.ContainsFunc(pins[:i], func(q Pin) bool { return q.Domain == p.Domain }) {
			b = fmt.Appendf(b, "%s %s %s\n", p.Domain, p.Key, p.Source)
		}
	}
	return b
}

func pinsOf(domains []string, key consensus.Key, source string) []Pin {
	pins := make([]Pin, len(domains))
	for i, d := range domains {
		pins[i] = Pin{Domain: d, Key: key, Source: source}
	}
	return pins
}
