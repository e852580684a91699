// Package mtasts reads, and writes, what domains say about encryption on the way to their mail
// servers: SMTP MTA Strict Transport Security, RFC 8461.
package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cairn/mailstore/message/maildomain"
)

// Mode is what a policy asks of who sends.
type Mode string

// The modes of section 5.
const (
	Enforce Mode = "enforce" // mail goes encrypted to a host of the policy, or not at all
	Testing Mode = "testing"
	None    Mode = "none"
)

// Policy is what a domain publishes (section 3.2).
type Policy struct {
	Mode   Mode
	MX     []string // names, or "*.example.org" for those with one label more; lower case
	MaxAge time.Duration
}

// Limits of section 3.2, and ours.
const (
	maxPolicy = 64 << 10 // octets
	maxMX     = 100
	maxAge    = 31557600 // seconds
	maxID     = 32
)

// parseRecord returns the id in the TXT records of _mta-sts.<domain>. ok is false unless there is
// exactly one that begins as such a record, and that is sound (section 3.1).
func parseRecord(records []string) (id string, ok bool) {
	found := 0
	for _, r := range records {
		fields := strings.Split(r, ";")
		if strings.TrimRight(fields[0], " \t") != "v=STSv1" {
			continue
		}
		found++
		for _, f := range fields[1:] {
			if v, is := strings.CutPrefix(strings.TrimSpace(f), "id="); is && !ok {
				id, ok = v, isID(v)
			}
		}
	}
	return id, ok && found == 1
}

func isID(s string) bool {
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// parsePolicy reads a policy as it was fetched: lines "key: value", ended by LF or CRLF. Of a key
// but mx that is there twice the first counts; keys that are not known are passed over.
func parsePolicy(b []byte) (*Policy, error) {
	if len(b) > maxPolicy {
		return nil, fmt.Errorf("a policy of %d octets is more than %d", len(b), maxPolicy)
	}
	var p Policy
	seen := make(map[string]string)
	for line := range strings.SplitSeq(string(b), "\n") {
		line = strings.TrimRight(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%.40q is no line of a policy", line)
		}
		key, value = strings.TrimRight(key, " \t"), strings.TrimLeft(value, " \t")
		if key == "mx" {
			name, err := pattern(value)
			if err != nil {
				return nil, err
			}
			if p.MX = append(p.MX, name); len(p.MX) > maxMX {
				return nil, fmt.Errorf("more than %d mail servers", maxMX)
			}
		} else if _, twice := seen[key]; !twice {
			seen[key] = value
		}
	}
	if seen["version"] != "STSv1" {
		return nil, errors.New("no policy of version STSv1")
	}
	if p.Mode = Mode(seen["mode"]); p.Mode != Enforce && p.Mode != Testing && p.Mode != None {
		return nil, fmt.Errorf("mode %.40q is not known", p.Mode)
	}
	seconds, err := strconv.ParseUint(seen["max_age"], 10, 63)
	if err != nil || len(seen["max_age"]) > 10 {
		return nil, fmt.Errorf("max_age %.40q is no number of seconds", seen["max_age"])
	}
	p.MaxAge = time.Duration(min(seconds, maxAge)) * time.Second
	if len(p.MX) == 0 && p.Mode != None {
		return nil, errors.New("a policy without a mail server")
	}
	return &p, nil
}

func pattern(value string) (string, error) {
	name, wild := strings.CutPrefix(value, "*.")
	canonical := maildomain.Canonical(name)
	if !maildomain.Valid(canonical) {
		return "", fmt.Errorf("%.80q is no name of a mail server", value)
	}
	if wild {
		canonical = "*." + canonical
	}
	return canonical, nil
}

// Allows reports whether mail may go to host, in lower case without a final dot (section 4.1).
func (p *Policy) Allows(host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	for _, name := range p.MX {
		if name == host || parent != "" && name == "*."+parent {
			return true
		}
	}
	return false
}
