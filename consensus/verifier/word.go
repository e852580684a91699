package verifier

import (
	"context"
	"slices"
	"strings"

	"cairn/consensus"
)

// word is what the trust list, the DNS and the chain's members say about mail
// from some domains that one organisation recorded.
type word struct {
	trusted  bool   // it speaks for all of the domains
	how      string // the sources of that trust, e.g. "trust" or "dns, invite"
	pinned   bool   // it is pinned, for whatever domain
	declared bool   // another one speaks for a domain and declares that it records all its mail
}

// asker tells whether key speaks for domain, and on whose word.
type asker func(domain string, key consensus.Key) (how string, ok bool)

// wordOf asks for the word about f's message, recorded by org. Only what an
// organisation claims itself is worth a question to the DNS.
func (v *Verifier) wordOf(ctx context.Context, s *consensus.State, f *Finding, org *consensus.Org) word {
	ask := v.trust.asker(ctx)
	w := word{pinned: v.trust.hasPinned(org.Key), declared: declared(s, f.Domains, org, ask)}
	if claims(org, f.Domains) {
		w.trusted, w.how = allTrusted(f.Domains, org, ask)
	}
	return w
}

// pinnedWordOf is wordOf by pins alone, for use within a transaction. Where the
// DNS would have to be asked, what f says already stands.
func (v *Verifier) pinnedWordOf(s *consensus.State, f *Finding, org *consensus.Org) word {
	open := false
	ask := func(domain string, key consensus.Key) (how string, ok bool) {
		how, ok = v.trust.pinned(domain, key)
		open = open || how == ""
		return how, ok
	}
	w := word{pinned: v.trust.hasPinned(org.Key)}
	if w.trusted, w.how = allTrusted(f.Domains, org, ask); open && f.Org == org.ID {
		w.trusted, w.how = f.Facts.OrgTrusted, f.TrustedBy
	}
	open = false
	if w.declared = declared(s, f.Domains, org, ask); open && !w.declared {
		w.declared = f.Facts.DeclaresAll
	}
	return w
}

func allTrusted(domains []string, org *consensus.Org, ask asker) (trusted bool, how string) {
	var sources []string
	for _, domain := range domains {
		source, ok := ask(domain, org.Key)
		if !ok {
			return false, ""
		}
		sources = append(sources, source)
	}
	slices.Sort(sources)
	return len(sources) > 0, strings.Join(slices.Compact(sources), ", ")
}

// declared reports whether an organisation that speaks for one of domains
// declares that it records all its mail. A domain for which by speaks does not
// count: the organisation that recorded the mail or, of mail without a record,
// whose node brought it. It may be nil.
func declared(s *consensus.State, domains []string, by *consensus.Org, ask asker) bool {
	for _, domain := range domains {
		if by != nil && slices.Contains(by.Domains, domain) {
			if _, ok := ask(domain, by.Key); ok {
				continue
			}
		}
		if org, ok := speaker(s, domain, ask); ok && org.Records == consensus.RecordsAll {
			return true
		}
	}
	return false
}

// speaker returns the first organisation that claims domain and speaks for it.
func speaker(s *consensus.State, domain string, ask asker) (*consensus.Org, bool) {
	for _, org := range s.OrgsByDomain(domain) {
		if _, ok := ask(domain, org.Key); ok {
			return org, true
		}
	}
	return nil, false
}
