package verifier

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"cairn/consensus"
)

const (
	dnsTimeout = 3 * time.Second
	dnsFound   = time.Hour       // how long an answer is kept
	dnsMissing = 5 * time.Minute // how long the lack of one is
	dnsEntries = 4096            // answers kept at most
)

// dnsTrust reads `_cairn.<domain> TXT "v=cairn1; k=<base64 of the org key>"`.
type dnsTrust struct {
	lookup LookupTXT

	mu    sync.Mutex
	cache map[string]dnsAnswer
}

type dnsAnswer struct {
	keys  []consensus.Key
	until time.Time
}

func newDNSTrust(lookup LookupTXT) *dnsTrust {
	return &dnsTrust{lookup: lookup, cache: make(map[string]dnsAnswer)}
}

// names reports whether the DNS of domain names key. A DNS that does not
// answer names nobody.
func (d *dnsTrust) names(ctx context.Context, domain string, key consensus.Key) bool {
	for _, k := range d.keys(ctx, domain, time.Now()) {
		if subtle.ConstantTimeCompare(k[:], key[:]) == 1 {
			return true
		}
	}
	return false
}

func (d *dnsTrust) keys(ctx context.Context, domain string, now time.Time) []consensus.Key {
	d.mu.Lock()
	a, ok := d.cache[domain]
	d.mu.Unlock()
	if ok && now.Before(a.until) {
		return a.keys
	}
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	records, _ := d.lookup(ctx, "_cairn."+domain)
	a = dnsAnswer{until: now.Add(dnsMissing)}
	for _, r := range records {
		if k, ok := ParseTXT(r); ok {
			a.keys = append(a.keys, k)
			a.until = now.Add(dnsFound)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cache) >= dnsEntries {
		clear(d.cache)
	}
	d.cache[domain] = a
	return a.keys
}

// ParseTXT reads the org key from one TXT record of `_cairn.<domain>`: tags
// separated by semicolons, "v=cairn1" first, as in RFC 6376, section 3.2.
func ParseTXT(txt string) (consensus.Key, bool) {
	var key consensus.Key
	tags := strings.Split(txt, ";")
	if strings.TrimSpace(tags[0]) != "v=cairn1" {
		return key, false
	}
	for _, tag := range tags[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(tag), "=")
		if strings.TrimSpace(name) != "k" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil || len(raw) != len(key) {
			return key, false
		}
		copy(key[:], raw)
		return key, true
	}
	return key, false
}

// FormatTXT is the record that ParseTXT reads.
func FormatTXT(key consensus.Key) string {
	return "v=cairn1; k=" + base64.StdEncoding.EncodeToString(key[:])
}
