package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// trustSpace holds an entry for each domain that is or was pinned, keyed by the
// domain.
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

// entry is what is kept about a domain.
type entry struct {
	Pin
	// TakenBack pins count no longer. They are kept so that a pin which the node
	// started with does not come back with the next start.
	TakenBack bool `json:"taken_back,omitempty"`
	// Unsettled: mail from the domain was not looked at again since.
	Unsettled bool `json:"unsettled,omitempty"`

	damaged bool // what is stored
}

// Errors of pins.
var (
	ErrPinned    = errors.New("domain is pinned to another key") // wrapped
	ErrNotPinned = errors.New("domain is not pinned")            // wrapped
)

// readEntries reads what is kept about domains.
func readEntries(rd *mailstore.Reader) (map[string]entry, error) {
	entries := make(map[string]entry)
	sp := rd.Space(trustSpace)
	var bad error
	err := sp.Keys(nil, nil, func(key []byte) bool {
		var e entry
		_, err := sp.JSON(key, &e)
		if errors.Is(err, mailstore.ErrDamaged) {
			e, err = entry{Pin: Pin{Domain: string(key)}, TakenBack: true, Unsettled: true, damaged: true}, nil
		}
		if err != nil {
			bad = fmt.Errorf("pin of %s: %w", key, err)
		}
		entries[e.Domain] = e
		return bad == nil
	})
	return entries, errors.Join(err, bad)
}

// EverPinned reports whether it was ever decided about a domain.
func EverPinned(rd *mailstore.Reader) (ever bool, err error) {
	err = rd.Space(trustSpace).Keys(nil, nil, func([]byte) bool {
		ever = true
		return false
	})
	return ever, err
}

// Damaged lists the domains of which it cannot be read what was decided about them. None of them is
// pinned until that is decided anew.
func (t *Trust) Damaged() []string { return t.domains(func(e *entry) bool { return e.damaged }) }

// Pin makes p.Key speak for p.Domain. An earlier pin to the same key stands as it
// is; a domain that is pinned to another key is left alone with ErrPinned unless
// replace is set. Mail from there keeps its verdicts until Retrust.
func (t *Trust) Pin(ctx context.Context, p Pin, replace bool) error {
	t.pinning.Lock()
	defer t.pinning.Unlock()
	if old, ok := t.PinOf(p.Domain); ok {
		if old.Key == p.Key {
			return nil
		}
		if !replace {
			return fmt.Errorf("%s: %w (%s, by %s)", p.Domain, ErrPinned, old.Key, old.Source)
		}
	}
	if err := t.keep(ctx, entry{Pin: p, Unsettled: true}); err != nil {
		return fmt.Errorf("pin %s: %w", p.Domain, err)
	}
	return nil
}

// PinAtStart is Pin for what the node was given when it joined: whatever was
// decided about the domain since then stands, also that it is not pinned.
func (t *Trust) PinAtStart(ctx context.Context, p Pin) error {
	if _, known := t.entry(p.Domain); known {
		return nil
	}
	return t.Pin(ctx, p, false)
}

// Unpin takes the pin of a domain back, and returns it; ErrNotPinned if there is
// none. Mail from there keeps its verdicts until Retrust.
func (t *Trust) Unpin(ctx context.Context, domain string, now time.Time) (Pin, error) {
	return t.takeBack(ctx, domain, now, true)
}

// GiveUp takes the pin of a domain back that this node's organisation has given up. Mail that it
// recorded while it had the domain keeps its verdicts.
func (t *Trust) GiveUp(ctx context.Context, domain string, now time.Time) error {
	_, err := t.takeBack(ctx, domain, now, false)
	return err
}

// takeBack takes the pin of a domain back; again: mail from there is to be looked at again.
func (t *Trust) takeBack(ctx context.Context, domain string, now time.Time, again bool) (Pin, error) {
	t.pinning.Lock()
	defer t.pinning.Unlock()
	old, ok := t.PinOf(domain)
	if !ok {
		return Pin{}, fmt.Errorf("%s: %w", domain, ErrNotPinned)
	}
	gone := entry{Pin: old, TakenBack: true, Unsettled: again}
	gone.Since = now
	if err := t.keep(ctx, gone); err != nil {
		return Pin{}, fmt.Errorf("take the pin of %s back: %w", domain, err)
	}
	return old, nil
}

// settled notes that mail from e's domain was looked at again, unless it was
// decided anew about it meanwhile.
func (t *Trust) settled(ctx context.Context, e entry) error {
	t.pinning.Lock()
	defer t.pinning.Unlock()
	if now, _ := t.entry(e.Domain); now != e || !e.Unsettled || e.damaged {
		return nil // of a damaged one nothing is written over it that nobody decided
	}
	e.Unsettled = false
	return t.keep(ctx, e)
}

// unsettled lists the domains whose mail has to be looked at again.
func (t *Trust) unsettled() []string { return t.domains(func(e *entry) bool { return e.Unsettled }) }

// domains lists those of some entries.
func (t *Trust) domains(of func(*entry) bool) (domains []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for domain, e := range t.entries {
		if of(&e) {
			domains = append(domains, domain)
		}
	}
	slices.Sort(domains)
	return domains
}

// keep makes e what is known about its domain. pinning is held.
func (t *Trust) keep(ctx context.Context, e entry) error {
	err := t.store.Update(ctx, func(tx *mailstore.Tx) error {
		return tx.Space(trustSpace).PutJSON([]byte(e.Domain), e)
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[e.Domain] = e
	return nil
}

func (t *Trust) entry(domain string) (e entry, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok = t.entries[domain]
	return e, ok
}

// PinOf returns the pin of domain, if it has one. It reads memory only.
func (t *Trust) PinOf(domain string) (Pin, bool) {
	e, ok := t.entry(domain)
	if !ok || e.TakenBack {
		return Pin{}, false
	}
	return e.Pin, true
}

// Pins lists all pins by domain.
func (t *Trust) Pins() []Pin {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]Pin, 0, len(t.entries))
	for _, e := range t.entries {
		if !e.TakenBack {
			list = append(list, e.Pin)
		}
	}
	slices.SortFunc(list, func(a, b Pin) int { return strings.Compare(a.Domain, b.Domain) })
	return list
}

// Conflict returns an error when domain is pinned to a key other than key, and
// not to another one that the chain with the state s knows its organisation to
// have or to have had. It reads memory only, so relay policy may ask it for
// every event.
func (t *Trust) Conflict(s *consensus.State, domain string, key consensus.Key) error {
	p, pinned := t.PinOf(domain)
	if !pinned || p.Key == key {
		return nil
	}
	if org, enrolled := s.OrgByKey(key); enrolled && keysOf(s, org)(p.Key) {
		return nil
	}
	return fmt.Errorf("%s: %w", domain, ErrPinned)
}

// hasPinned reports whether one of keys is pinned for any domain. It reads memory
// only.
func (t *Trust) hasPinned(keys keySet) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, e := range t.entries {
		if !e.TakenBack && keys(e.Key) {
			return true
		}
	}
	return false
}
