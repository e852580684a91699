package verifier

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/consensus"
)

const (
	dnsTimeout = 3 * time.Second
	dnsFound   = time.Hour        // how long an answer is kept
	dnsMissing = 5 * time.Minute  // how long the lack of one is
	dnsFailed  = 20 * time.Second // how long a failure to answer is
	dnsEntries = 4096             // answers kept at most
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

// remembers is names by the answers that are kept.
func (d *dnsTrust) remembers(domain string, key consensus.Key, now time.Time) bool {
	d.mu.Lock()
	a := d.cache[domain]
	d.mu.Unlock()
	return now.Before(a.until) && slices.Contains(a.keys, key)
}

func (d *dnsTrust) keys(ctx context.Context, domain string, now time.Time) []consensus.Key {
	d.mu.Lock()
	a, ok := d.cache[domain]
	d.mu.Unlock()
	if ok && now.Before(a.until) {
		return a.keys
	}
	limited, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	records, err := d.lookup(limited, "_cairn."+domain)
	if ctx.Err() != nil {
		return nil // whoever asked went away: that says nothing about the domain
	}
	a = dnsAnswer{until: now.Add(dnsMissing)}
	if absent := (*net.DNSError)(nil); err != nil && !(errors.As(err, &absent) && absent.IsNotFound) {
		a.until = now.Add(dnsFailed)
	}
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
// separated by semicolons, "v=cairn1" first, none twice, white space around
// names and values allowed (RFC 6376, section 3.2). Tags other than k are
// passed over.
func ParseTXT(txt string) (key consensus.Key, ok bool) {
	seen := make(map[string]bool)
	for i, tag := range strings.Split(txt, ";") {
		name, value, _ := strings.Cut(tag, "=")
		name, value = strings.Trim(name, tagSpace), strings.Trim(value, tagSpace)
		if i == 0 && (name != "v" || value != "cairn1") || name != "" && seen[name] {
			return consensus.Key{}, false
		}
		seen[name] = true
		if name != "k" {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(value)
		if err != nil || len(raw) != len(key) {
			return consensus.Key{}, false
		}
		key, ok = consensus.Key(raw), true
	}
	return key, ok
}

const tagSpace = " \t\r\n"

// FormatTXT is the record that ParseTXT reads.
func FormatTXT(key consensus.Key) string {
	return "v=cairn1; k=" + base64.StdEncoding.EncodeToString(key[:])
}
