package verifier

import (
	"context"
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

// dnsAnswer is what the DNS said about a domain.
type dnsAnswer struct {
	keys   []consensus.Key
	silent bool // it did not say anything
	until  time.Time
}

func newDNSTrust(lookup LookupTXT) *dnsTrust {
	return &dnsTrust{lookup: lookup, cache: make(map[string]dnsAnswer)}
}

// says is what the DNS of domain says about the organisation with keys.
func (d *dnsTrust) says(ctx context.Context, domain string, keys keySet) Answer {
	return d.read(ctx, domain, time.Now()).about(keys)
}

// remembers is says by the answers that are kept.
func (d *dnsTrust) remembers(domain string, keys keySet, now time.Time) Answer {
	a, ok := d.kept(domain, now)
	if !ok {
		return NoAnswer
	}
	return a.about(keys)
}

func (a dnsAnswer) about(keys keySet) Answer {
	switch {
	case slices.ContainsFunc(a.keys, keys):
		return Names
	case a.silent:
		return NoAnswer
	}
	return NamesNot
}

func (d *dnsTrust) kept(domain string, now time.Time) (a dnsAnswer, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok = d.cache[domain]
	return a, ok && now.Before(a.until)
}

// forget makes the next question about domain go to the DNS itself.
func (d *dnsTrust) forget(domain string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.cache, domain)
}

// read is the only place that asks the DNS.
func (d *dnsTrust) read(ctx context.Context, domain string, now time.Time) dnsAnswer {
	if a, ok := d.kept(domain, now); ok {
		return a
	}
	limited, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	records, err := d.lookup(limited, TXTName(domain))
	if ctx.Err() != nil {
		return dnsAnswer{silent: true} // whoever asked went away: that says nothing about the domain
	}
	a := dnsAnswer{until: now.Add(dnsMissing)}
	if err != nil {
		records = nil
		if absent := (*net.DNSError)(nil); !errors.As(err, &absent) || !absent.IsNotFound {
			a.silent, a.until = true, now.Add(dnsFailed)
		}
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
	return a
}

// TXTName is the name of the TXT record that names the org key of a domain.
func TXTName(domain string) string { return "_cairn." + domain }

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
