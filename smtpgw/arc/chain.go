package arc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/dkim"
)

// maxSets is how many relays a chain may name (RFC 8617, section 4.2.1).
const maxSets = 50

// Result is what is found of a chain (RFC 8617, section 4.4). TempError: the DNS does not answer.
type Result string

// The results.
const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	TempError Result = "temperror"
)

// Chain is what was found of the ARC sets of a message.
type Chain struct {
	Result Result
	Reason string // of a chain that does not pass
	// Sealers are the domains that sealed it, the first one first, and First is what the first one
	// says that it found out. Only of a chain that passes.
	Sealers []string
	First   []Finding
}

// The fields of a set, in the order in which they are sealed.
var fieldNames = [...]string{"arc-authentication-results", "arc-message-signature", "arc-seal"}

const (
	results = iota
	signature
	seal
)

// set are the fields of one relay.
type set struct {
	fields [len(fieldNames)]dkim.Field
	tags   [len(fieldNames)]dkim.Tags // of signature and seal
}

// Validate validates the chain of a message (RFC 8617, section 5.2).
func Validate(ctx context.Context, dns *lookup.Asker, m *dkim.Message) Chain {
	sets, err := collect(m)
	if err == nil && len(sets) == 0 {
		return Chain{Result: None}
	}
	if err == nil {
		err = verify(ctx, dns, m, sets)
	}
	if flaw, ok := errors.AsType[*dkim.Flaw](err); ok && flaw.Result == dkim.TempError {
		return Chain{Result: TempError, Reason: err.Error()}
	}
	if err != nil {
		return Chain{Result: Fail, Reason: err.Error()}
	}
	c := Chain{Result: Pass, First: findings(afterInstance(sets[0].fields[results].Value()))}
	for _, s := range sets {
		domain, _, _ := s.tags[seal].Signer() // it verified
		c.Sealers = append(c.Sealers, domain)
	}
	return c
}

// collect puts the fields of a message in sets, the first relay's first; none if it has no field
// of ARC. An error says that they make no chain.
func collect(m *dkim.Message) ([]set, error) {
	var have [len(fieldNames)]int
	var sets []set
	for kind, name := range fieldNames {
		fields := m.Named(name)
		if have[kind] = len(fields); len(fields) > maxSets {
			return nil, fmt.Errorf("it has more than %d sets", maxSets)
		}
		if kind == 0 {
			sets = make([]set, len(fields))
		}
		if len(fields) != len(sets) {
			return nil, errors.New("fields of a set are missing, or there twice")
		}
		for _, f := range fields {
			tags, at, err := instance(kind, f)
			if err != nil {
				return nil, err
			}
			if at > len(sets) || sets[at-1].fields[kind].Raw != nil {
				return nil, errors.New("the numbers of its sets have gaps, or are there twice")
			}
			sets[at-1].fields[kind], sets[at-1].tags[kind] = f, tags
		}
	}
	return sets, nil
}

// instance reads which set a field is of, and its tags if it has some.
func instance(kind int, f dkim.Field) (tags dkim.Tags, at int, err error) {
	var i string
	if kind == results {
		first, _, _ := strings.Cut(string(f.Value()), ";")
		name, value, _ := strings.Cut(first, "=")
		if strings.Trim(name, blank) == "i" {
			i = strings.Trim(value, blank)
		}
	} else if tags, err = tagsOf(string(f.Value())); err != nil {
		return nil, 0, err
	} else {
		i = tags["i"]
	}
	if at, err = strconv.Atoi(i); err != nil || at < 1 || at > maxSets {
		return nil, 0, errors.New("a field of it has no number of a set")
	}
	return tags, at, nil
}

// tagsOf reads a tag-list by its grammar: what DKIM lets pass, an empty tag, is a fault here.
func tagsOf(value string) (dkim.Tags, error) {
	parts := strings.Split(value, ";")
	for _, part := range parts[:len(parts)-1] {
		if strings.Trim(part, blank) == "" {
			return nil, errors.New("a tag of it is empty")
		}
	}
	return dkim.ParseTags(value)
}

const blank = " \t\r\n"

// afterInstance is the value of an ARC-Authentication-Results field behind its number.
func afterInstance(value []byte) string {
	_, rest, _ := strings.Cut(string(value), ";")
	return rest
}

// verify holds the message to the last relay's signature, and the sets to all seals.
func verify(ctx context.Context, dns *lookup.Asker, m *dkim.Message, sets []set) error {
	for i, s := range sets {
		want := "pass"
		if i == 0 {
			want = "none"
		}
		if cv := strings.ToLower(s.tags[seal]["cv"]); cv != want {
			return fmt.Errorf("relay %d found the chain before it %.8q", i+1, cv)
		}
	}
	if err := verifySignature(ctx, dns, m, sets[len(sets)-1]); err != nil {
		return named(len(sets), "signature", err)
	}
	for n := len(sets); n > 0; n-- {
		if err := verifySeal(ctx, dns, sets[:n]); err != nil {
			return named(n, "seal", err)
		}
	}
	return nil
}

// named says whose flaw it is.
func named(relay int, what string, err error) error {
	if flaw, ok := errors.AsType[*dkim.Flaw](err); ok {
		return &dkim.Flaw{Result: flaw.Result, Reason: fmt.Sprintf("the %s of relay %d: %s", what, relay, flaw.Reason)}
	}
	return fmt.Errorf("the %s of relay %d: %w", what, relay, err)
}

// verifySignature verifies an ARC-Message-Signature (RFC 8617, section 4.1.2).
func verifySignature(ctx context.Context, dns *lookup.Asker, m *dkim.Message, s set) error {
	sig, err := dkim.SignatureOf(s.fields[signature], s.tags[signature])
	if err != nil {
		return err
	}
	if slices.Contains(sig.Headers, fieldNames[seal]) {
		return errors.New("it signs seals")
	}
	key, err := dkim.FetchKey(ctx, dns, sig.Domain, sig.Selector)
	if err != nil {
		return err
	}
	return sig.Holds(key, m)
}

// verifySeal verifies the last ARC-Seal of these sets, which covers all of them (RFC 8617, section
// 5.1.1).
func verifySeal(ctx context.Context, dns *lookup.Asker, sets []set) error {
	last := sets[len(sets)-1]
	tags := last.tags[seal]
	if _, ok := tags["h"]; ok {
		return errors.New("it says what it signs")
	}
	domain, selector, err := tags.Signer()
	if err != nil {
		return err
	}
	value, err := tags.Base64("b")
	if err != nil {
		return err
	}
	key, err := dkim.FetchKey(ctx, dns, domain, selector)
	if err != nil {
		return err
	}
	return key.Verify(strings.ToLower(tags["a"]), sealed(sets), value)
}

// sealed is the hash that the last seal of these sets signs.
func sealed(sets []set) []byte {
	h := sha256.New()
	for i, s := range sets {
		for kind, f := range s.fields {
			if i == len(sets)-1 && kind == seal {
				dkim.Relaxed.WriteSigning(h, f.Raw)
				continue
			}
			dkim.Relaxed.WriteField(h, f.Raw)
		}
	}
	return h.Sum(nil)
}
