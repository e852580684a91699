package verifier

import (
	"context"
	"fmt"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// LookupTXT asks the DNS for the TXT records of name.
type LookupTXT func(ctx context.Context, name string) ([]string, error)

// Trust decides which organisation speaks for which domain: by pin, else by
// the domain's own word in the DNS. A claim on the chain alone is never
// trust. It is safe for concurrent use.
type Trust struct {
	store *mailstore.Store
	dns   *dnsTrust // nil: pins only

	pinning sync.Mutex   // held while an entry is written
	mu      sync.RWMutex // guards entries; never held while the store is waited for
	entries map[string]entry
}

// OpenTrust reads the pins. A nil lookup means that only pins count.
func OpenTrust(store *mailstore.Store, lookup LookupTXT) (*Trust, error) {
	t := &Trust{store: store}
	if lookup != nil {
		t.dns = newDNSTrust(lookup)
	}
	err := store.View(func(rd *mailstore.Reader) (err error) {
		t.entries, err = readEntries(rd)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the trust list: %w", err)
	}
	return t, nil
}

// trusted reports whether the organisation with keys speaks for domain, and on
// whose word: a pin's source or "dns". A pin outranks the DNS.
func (t *Trust) trusted(ctx context.Context, domain string, keys keySet) (how string, a Answer) {
	if how, a := t.pinned(domain, keys); a != NoAnswer {
		return how, a
	}
	return byDNS, t.askDNS(ctx, domain, keys)
}

// byDNS is how a domain is trusted that no pin is for.
const byDNS = "dns"

// DNS asks what the DNS of domain says about org, whatever is pinned.
func (t *Trust) DNS(ctx context.Context, s *consensus.State, domain string, org *consensus.Org) Answer {
	return t.askDNS(ctx, domain, keysOf(s, org))
}

func (t *Trust) askDNS(ctx context.Context, domain string, keys keySet) Answer {
	if t.dns == nil {
		return NamesNot
	}
	return t.dns.says(ctx, domain, keys)
}

// answers reports whether there is an answer to whom domain is of: a pin, or one of its DNS.
func (t *Trust) answers(ctx context.Context, domain string) bool {
	_, pinned := t.PinOf(domain)
	return pinned || t.dns == nil || !t.dns.read(ctx, domain, time.Now()).silent
}

// pinned is trusted by pins alone, with NoAnswer when domain is not pinned. It
// reads memory only, so it may be asked within a transaction.
func (t *Trust) pinned(domain string, keys keySet) (how string, a Answer) {
	p, ok := t.PinOf(domain)
	switch {
	case !ok:
		return "", NoAnswer
	case !keys(p.Key):
		return string(p.Source), NamesNot
	}
	return string(p.Source), Names
}

// remembered is trusted by pins and by what the DNS has said lately. It reads
// memory only, so it may be asked within a transaction.
func (t *Trust) remembered(domain string, keys keySet) (how string, a Answer) {
	if how, a := t.pinned(domain, keys); a != NoAnswer {
		return how, a
	}
	if t.dns == nil {
		return byDNS, NamesNot
	}
	return byDNS, t.dns.remembers(domain, keys, time.Now())
}

// asker is trusted for the organisations of a chain, s being its state; pinAsker
// and memoryAsker are pinned and remembered.
func (t *Trust) asker(ctx context.Context, s *consensus.State) asker {
	return func(domain string, org *consensus.Org) (how string, a Answer) {
		return t.trusted(ctx, domain, keysOf(s, org))
	}
}

func (t *Trust) pinAsker(s *consensus.State) asker {
	return func(domain string, org *consensus.Org) (how string, a Answer) {
		return t.pinned(domain, keysOf(s, org))
	}
}

func (t *Trust) memoryAsker(s *consensus.State) asker {
	return func(domain string, org *consensus.Org) (how string, a Answer) {
		return t.remembered(domain, keysOf(s, org))
	}
}

// Speaker returns the one enrolled organisation that is trusted for domain, with
// Names; nil with NoAnswer if the DNS would have to say which one and does not
// answer, and with NamesNot if there is none.
func (t *Trust) Speaker(ctx context.Context, s *consensus.State, domain string) (*consensus.Org, Answer) {
	return speaker(s, domain, t.asker(ctx, s))
}

// SpeakerKnown is Speaker by pins and what the DNS has said lately. It reads memory only.
func (t *Trust) SpeakerKnown(s *consensus.State, domain string) (*consensus.Org, Answer) {
	return speaker(s, domain, t.memoryAsker(s))
}

// SpeakerNow is Speaker by what the DNS says now, not by what it said lately:
// for what cannot be taken back, such as returning mail.
func (t *Trust) SpeakerNow(ctx context.Context, s *consensus.State, domain string) (*consensus.Org, Answer) {
	if t.dns != nil {
		t.dns.forget(domain)
	}
	return t.Speaker(ctx, s, domain)
}
