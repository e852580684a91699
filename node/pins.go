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
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
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
	if err := home.Readable(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the pins of this node: %w", err)
	}
	var pins []Pin
	want := -1 // not known
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if n == 1 {
			want = pinCount(lines.Text())
		}
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
		if !slices.Contains([]string{PinOwn, PinGenesis, PinInvite}, f[2]) {
			return nil, spoilt(path, fmt.Errorf("line %d: no pin comes from %q", n, f[2]))
		}
		pins = append(pins, Pin{Domain: f[0], Key: key, Source: f[2]})
	}
	if err := lines.Err(); err != nil {
		return nil, spoilt(path, err)
	}
	switch {
	case want >= 0 && want != len(pins):
		return nil, spoilt(path, fmt.Errorf("it has %d of %d pins", len(pins), want))
	case len(pins) == 0:
		return nil, spoilt(path, errors.New("it has no pins, not even of our own domains"))
	}
	return pins, nil
}

// startPins is StartPins of a member, whose own pins are among them. They may be missing once the
// node has taken them over.
func (n *Node) startPins() ([]Pin, error) {
	path := filepath.Join(n.dir, pinsFile)
	pins, err := StartPins(n.dir)
	if err != nil || n.enrol == nil {
		return pins, err
	}
	if pins == nil && n.store == nil && fileExists(filepath.Join(n.dir, home.MailDir)) {
		return nil, nil // whether they were taken over cannot be read
	}
	if pins == nil {
		taken := false
		if n.store != nil {
			err = n.store.View(func(rd *mailstore.Reader) (err error) {
				taken, err = verifier.EverPinned(rd)
				return err
			})
		}
		if err == nil && !taken {
			err = lost(path)
		}
		return nil, err
	}
	if !slices.ContainsFunc(pins, func(p Pin) bool { return p.Source == PinOwn && p.Key == n.enrol.Enrol().OrgKey }) {
		return nil, api.Errorf(api.CodeInvalid, "move it away, and "+home.Cure(pinsFile), "%s does not belong to the organisation of %s", path, enrolFile)
	}
	return pins, nil
}

// pinsHead is the first line of the file of pins with their number, so that one that was cut is
// told. Earlier files say none.
const pinsHead = pinsCount + " that this node started with: domain, org key, source. Trust given and taken back since overrides them.\n"

const pinsCount = "# The %d pins"

// pinCount is the number in the first line of the file; -1 where that has none.
func pinCount(line string) int {
	var n int
	if _, err := fmt.Sscanf(line, pinsCount, &n); err != nil {
		return -1
	}
	return n
}

// formatPins leaves out what an earlier pin says of the same domain: our own
// come first, then the founder's.
func formatPins(pins []Pin) []byte {
	var b []byte
	count := 0
	for i, p := range pins {
		if !slices.ContainsFunc(pins[:i], func(q Pin) bool { return q.Domain == p.Domain }) {
			b = fmt.Appendf(b, "%s %s %s\n", p.Domain, p.Key, p.Source)
			count++
		}
	}
	return append(fmt.Appendf(nil, pinsHead, count), b...)
}

func pinsOf(domains []string, key consensus.Key, source string) []Pin {
	pins := make([]Pin, len(domains))
	for i, d := range domains {
		pins[i] = Pin{Domain: d, Key: key, Source: source}
	}
	return pins
}
