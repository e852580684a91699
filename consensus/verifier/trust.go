package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// trustSpace holds one pin for each domain, keyed by the domain.
const trustSpace = "trust"

// Source says where a pin comes from.
type Source string

// The sources of a pin.
const (
	SourceOwn     Source = "own"     // a domain of this node's organisation
	SourceGenesis Source = "genesis" // the founder, named by the network file
	SourceInvite  Source = "invite"  // whoever invited us
	SourceTrust   Source = "trust"   // the administrator's word
)

// Pin is the decision that one organisation speaks for a domain.
type Pin struct {
	Domain string        `json:"domain"`
	Key    consensus.Key `json:"org_key"`
	Source Source        `json:"source"`
	Since  time.Time     `json:"since"`
}

// ErrPinned is wrapped when a domain is pinned to another key already.
var ErrPinned = errors.New("domain is pinned to another key")

// LookupTXT asks the DNS for the TXT records of name.
type LookupTXT func(ctx context.Context, name string) ([]string, error)

// Trust decides which organisation speaks for which domain: by pin, else by
// the domain's own word in the DNS. A claim on the chain alone is never
// trust. It is safe for concurrent use.
type Trust struct {
	store *mailstore.Store
	dns   *dnsTrust // nil: pins only

	pinning sync.Mutex   // held while a pin is written
	mu      sync.RWMutex // guards pins; never held while the store is waited for
	pins    map[string]Pin
}

// OpenTrust reads the pins. A nil lookup means that only pins count.
func OpenTrust(store *mailstore.Store, lookup LookupTXT) (*Trust, error) {
	t := &Trust{store: store, pins: make(map[string]Pin)}
	if lookup != nil {
		t.dns = newDNSTrust(lookup)
	}
	err := store.View(func(rd *mailstore.Reader) error {
		var bad error
		err := rd.Space(trustSpace).Scan(nil, nil, func(key, value []byte) bool {
			var p Pin
			if err := json.Unmarshal(value, &p); err != nil {
				bad = fmt.Errorf("pin of %s: %w", key, err)
			}
			t.pins[p.Domain] = p
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	if err != nil {
		return nil, fmt.Errorf("read the trust list: %w", err)
	}
	return t, nil
}

// Pin makes key speak for domain. A domain that is pinned to another key is
// left alone with ErrPinned unless replace is set.
func (t *Trust) Pin(ctx context.Context, p Pin, replace bool) error {
	t.pinning.Lock()
	defer t.pinning.Unlock()
	if old, ok := t.pin(p.Domain); ok {
		if old.Key == p.Key {
			return nil
		}
		if !replace {
			return fmt.Errorf("%s: %w (%s, by %s)", p.Domain, ErrPinned, old.Key, old.Source)
		}
	}
	err := t.store.Update(ctx, func(tx *mailstore.Tx) error {
		b, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return tx.Space(trustSpace).Put([]byte(p.Domain), b)
	})
	if err != nil {
		return fmt.Errorf("pin %s: %w", p.Domain, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pins[p.Domain] = p
	return nil
}

func (t *Trust) pin(domain string) (p Pin, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, ok = t.pins[domain]
	return p, ok
}

// PinOf returns the org key that domain is pinned to, if it is.
func (t *Trust) PinOf(domain string) (consensus.Key, bool) {
	p, ok := t.pin(domain)
	return p.Key, ok
}

// Pins lists all pins by domain.
func (t *Trust) Pins() []Pin {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]Pin, 0, len(t.pins))
	for _, p := range t.pins {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Pin) int { return strings.Compare(a.Domain, b.Domain) })
	return list
}

// Conflict returns an error when domain is pinned to a key other than key. It
// reads memory only, so relay policy may ask it for every event.
func (t *Trust) Conflict(domain string, key consensus.Key) error {
	if p, ok := t.pin(domain); ok && p.Key != key {
		return fmt.Errorf("%s: %w", domain, ErrPinned)
	}
	return nil
}

// Trusted reports whether the organisation with key speaks for domain, and on
// whose word: a pin's source or "dns". A pin outranks the DNS.
func (t *Trust) Trusted(ctx context.Context, domain string, key consensus.Key) (how string, ok bool) {
	if how, ok := t.pinned(domain, key); how != "" {
		return how, ok
	}
	if t.dns != nil && t.dns.names(ctx, domain, key) {
		return "dns", true
	}
	return "", false
}

// pinned is Trusted by pins alone; how is empty when domain is not pinned. It
// reads memory only, so it may be asked within a transaction.
func (t *Trust) pinned(domain string, key consensus.Key) (how string, ok bool) {
	p, ok := t.pin(domain)
	if !ok {
		return "", false
	}
	return string(p.Source), p.Key == key
}

// remembered is Trusted by what the DNS has said lately. It reads memory only, so it may be asked
// within a transaction.
func (t *Trust) remembered(domain string, key consensus.Key) (how string, ok bool) {
	if t.dns != nil && t.dns.remembers(domain, key, time.Now()) {
		return "dns", true
	}
	return "", false
}

// hasPinned reports whether key is pinned for any domain. It reads memory only.
func (t *Trust) hasPinned(key consensus.Key) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, p := range t.pins {
		if p.Key == key {
			return true
		}
	}
	return false
}

// asker is Trusted without ctx.
func (t *Trust) asker(ctx context.Context) asker {
	return func(domain string, key consensus.Key) (how string, ok bool) { return t.Trusted(ctx, domain, key) }
}

// Speaker returns the one enrolled organisation that is trusted for domain.
func (t *Trust) Speaker(ctx context.Context, s *consensus.State, domain string) (*consensus.Org, bool) {
	return speaker(s, domain, t.asker(ctx))
}
