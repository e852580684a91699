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
	own      bool   // it is this node's
	open     bool   // the DNS of a domain did not answer, and what it says might make a difference
}

// declares notes whether an organisation that speaks for a domain of f's message, which has no
// record, declares that it records all its mail. Without an answer what was known stands.
func (f *Finding) declares(a Answer) {
	if f.Unanswered = a == NoAnswer; !f.Unanswered {
		f.Facts.DeclaresAll = a == Names
	}
}

// Answer is what a source of trust, a pin or the DNS of a domain, says about one org key.
type Answer string

// The answers. That the DNS cannot be reached is none: it is neither trust nor the lack of it.
const (
	Names    Answer = "names"     // this key is the domain's
	NamesNot Answer = "names-not" // another key is, or none
	NoAnswer Answer = "no-answer"
)

// asker tells whether org speaks for domain, and on whose word: of NamesNot and
// NoAnswer it is empty when no pin says so.
type asker func(domain string, org *consensus.Org) (how string, a Answer)

// wordOf asks for the word about f's message, recorded by org. Only what an
// organisation claims itself is worth a question to the DNS.
func (v *Verifier) wordOf(ctx context.Context, s *consensus.State, f *Finding, org *consensus.Org) word {
	return v.word(s, f, org, v.trust.asker(ctx, s))
}

// pinnedWordOf is wordOf by pins alone, for use within a transaction.
func (v *Verifier) pinnedWordOf(s *consensus.State, f *Finding, org *consensus.Org) word {
	w := v.word(s, f, org, v.trust.pinAsker(s))
	w.open = f.Unanswered
	return w
}

// word asks for the word about f's message. Where there is no answer, what f
// says already stands: it was found out when there was one. Of several domains
// f does not say which one was whose word, so that nothing stands.
func (v *Verifier) word(s *consensus.State, f *Finding, org *consensus.Org, ask asker) word {
	keys := keysOf(s, org)
	w := word{pinned: v.trust.hasPinned(keys), own: keys(v.cfg().Own.Key)}
	if claims(org, f.Domains) {
		a, how := allTrusted(f.Domains, org, ask)
		if stands := a == NoAnswer && len(f.Domains) == 1 && f.Org == org.ID && f.Facts.OrgTrusted && f.TrustedBy == how; a == Names || stands {
			w.trusted, w.how = true, how
		}
		w.open = a == NoAnswer
	}
	a := declared(s, f.Domains, org, ask)
	w.declared = a == Names || a == NoAnswer && f.Facts.DeclaresAll
	w.open = w.open || a == NoAnswer
	return w
}

// allTrusted reports whether org speaks for all domains, and on whose word: the
// DNS's where it has not answered.
func allTrusted(domains []string, org *consensus.Org, ask asker) (all Answer, how string) {
	var sources []string
	all = Names
	for _, domain := range domains {
		source, a := ask(domain, org)
		switch a {
		case NamesNot:
			return NamesNot, ""
		case NoAnswer:
			all, source = NoAnswer, byDNS
		}
		sources = append(sources, source)
	}
	slices.Sort(sources)
	return all, strings.Join(slices.Compact(sources), ", ")
}

// declared reports whether an organisation that speaks for one of domains
// declares that it records all its mail. A domain for which by speaks does not
// count: the organisation that recorded the mail or, of mail without a record,
// whose node brought it. It may be nil.
func declared(s *consensus.State, domains []string, by *consensus.Org, ask asker) Answer {
	all := NamesNot
	for _, domain := range domains {
		if by != nil && slices.Contains(by.Domains, domain) {
			if _, a := ask(domain, by); a == Names {
				continue
			}
		}
		switch org, a := speaker(s, domain, ask); {
		case a == NoAnswer:
			all = NoAnswer
		case a == Names && org.Records == consensus.RecordsAll:
			return Names
		}
	}
	return all
}

// speaker returns the first organisation that claims domain and speaks for it,
// with Names; else NoAnswer if one might, for all that is known.
func speaker(s *consensus.State, domain string, ask asker) (*consensus.Org, Answer) {
	none := NamesNot
	for _, org := range s.OrgsByDomain(domain) {
		switch _, a := ask(domain, org); a {
		case Names:
			return org, Names
		case NoAnswer:
			none = NoAnswer
		}
	}
	return nil, none
}
