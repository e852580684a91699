package dmarc

import (
	"context"

	"cairn/smtpgw/authres/lookup"
)

// Alignment is which methods authenticated the author's domain, for reports to it (RFC 9990).
type Alignment struct {
	Domain    string // whose record governs
	SPF, DKIM bool
}

// Align holds all identifiers of a message to its author. ok is false where no record governs, or
// not all of it is known.
func (a *Author) Align(ctx context.Context, dns *lookup.Asker, ids []Identifier) (of Alignment, ok bool) {
	if a.unknown != nil || a.governing == nil {
		return Alignment{}, false
	}
	of.Domain = a.governing.domain
	for _, id := range ids {
		aligned, err := a.aligned(ctx, dns, id)
		switch {
		case err != nil || aligned && id.Unknown:
			return Alignment{}, false
		case aligned && id.Method == SPF:
			of.SPF = true
		case aligned:
			of.DKIM = true
		}
	}
	return of, true
}

// Published is what a domain publishes about itself, and where it wants reports: of the TXT records
// of _dmarc below it. ok is false where it has no record that counts.
func Published(texts []string) (r Record, rua string, ok bool) {
	found := 0
	for _, txt := range texts {
		if isRecord(txt) {
			found++
			r, ok = Parse(txt)
			rua = tagsOf(txt)["rua"]
		}
	}
	return r, rua, ok && found == 1
}

// Accepts reads the TXT records by which a domain says that it takes reports about another one (RFC
// 9990, section 4). rua is where it wants them instead; empty: it does not say.
func Accepts(texts []string) (rua string, ok bool) {
	for _, txt := range texts {
		if isRecord(txt) && !ok {
			rua, ok = tagsOf(txt)["rua"], true
		}
	}
	return rua, ok
}

// Organisational is the organisational domain of a domain, canonical; an error says that the DNS
// does not tell.
func Organisational(ctx context.Context, dns *lookup.Asker, domain string) (string, error) {
	records, err := walk(ctx, dns, domain)
	if err != nil {
		return "", err
	}
	return organisational(domain, records), nil
}
