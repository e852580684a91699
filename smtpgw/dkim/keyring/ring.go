package keyring

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Algorithm is the kind of a key, as in the k= of its record.
type Algorithm string

// The algorithms. Each domain has a key of both, since many verifiers know RSA alone.
const (
	RSA     Algorithm = "rsa"     // 2048 bits (RFC 8301, section 3.2)
	Ed25519 Algorithm = "ed25519" // RFC 8463
)

// algorithms in the order in which they sign: the last one is on top.
var algorithms = []Algorithm{Ed25519, RSA}

const (
	// Keep is how long the record of a key stays after another one has taken its place: longer than
	// servers keep mail that they could not bring yet (RFC 5321, section 4.5.4.1).
	Keep = 7 * 24 * time.Hour
	// maxFormer bounds the keys of one domain and algorithm whose records wait to be removed.
	maxFormer = 4
	// maxKeys bounds a ring.
	maxKeys = 512
)

// Key is one key of a domain.
type Key struct {
	Domain   string // canonical
	Selector string // under which its record stands (RFC 6376, section 3.1)
	Signer   crypto.Signer
	Made     time.Time
	Seen     time.Time // since when the DNS is seen to have its record; zero: it is not
	Retired  time.Time // since when another one signs in its place; zero: none does
}

// Algorithm is the kind of the key.
func (k *Key) Algorithm() Algorithm { return algorithmOf(k.Signer) }

// Name is the name of its record in the DNS, without a final dot (RFC 6376, section 3.6.2.1).
func (k *Key) Name() string { return k.Selector + "._domainkey." + k.Domain }

// State is what a key is for, and what is to be done about its record.
type State string

// The states of a key.
const (
	Waiting State = "waiting" // its record is to be published
	Signing State = "signing"
	Former  State = "former" // its record stays for a while, for mail that is on its way
	Ended   State = "ended"  // its record is to be removed
)

// State is the state of a key at a time.
func (k *Key) State(now time.Time) State {
	switch {
	case k.Retired.IsZero() && k.Seen.IsZero():
		return Waiting
	case k.Retired.IsZero():
		return Signing
	case now.Before(k.Retired.Add(Keep)):
		return Former
	}
	return Ended
}

// Ring is the keys of a node, in the order in which they were made. It is not changed once made.
type Ring struct{ keys []Key }

// Keys are the keys. They are not to be changed.
func (r Ring) Keys() []Key { return r.keys }

// Signing returns the keys that sign for a domain: of each algorithm the one whose record is seen.
func (r Ring) Signing(domain string) (keys []Key) {
	for _, a := range algorithms {
		if i := r.signer(domain, a); i >= 0 {
			keys = append(keys, r.keys[i])
		}
	}
	return keys
}

// signer is the place of the newest key of a domain and algorithm whose record is seen, or -1.
func (r Ring) signer(domain string, a Algorithm) int {
	for i, k := range slices.Backward(r.keys) {
		if k.Domain == domain && k.Algorithm() == a && !k.Seen.IsZero() {
			return i
		}
	}
	return -1
}

// Draw makes a private key.
type Draw func(Algorithm) (crypto.Signer, error)

// With returns the ring with keys for each of these domains that lacks one. Keys of other domains
// are retired, and taken again if the domain is back while their records are kept.
func (r Ring) With(domains []string, now time.Time, draw Draw) (Ring, error) {
	out := Ring{slices.Clone(r.keys)}
	for i := range out.keys {
		if k := &out.keys[i]; k.Retired.IsZero() && !slices.Contains(domains, k.Domain) {
			k.Retired = now.UTC().Truncate(time.Second)
		}
	}
	for _, domain := range domains {
		for _, a := range algorithms {
			if err := out.need(domain, a, now, draw); err != nil {
				return r, err
			}
		}
	}
	return out, nil
}

// need sees to a key of a domain that is not retired.
func (r *Ring) need(domain string, a Algorithm, now time.Time, draw Draw) error {
	for i, k := range slices.Backward(r.keys) {
		if k.Domain != domain || k.Algorithm() != a {
			continue
		}
		if k.State(now) == Ended {
			break
		}
		r.keys[i].Retired = time.Time{}
		return nil
	}
	return r.add(domain, a, now, draw)
}

// Why a domain gets no new key.
var (
	// ErrWaiting: it has one already whose record is not seen.
	ErrWaiting = errors.New("a new key waits for its record already")
	// ErrFormer: it has many whose records are to be removed.
	ErrFormer = fmt.Errorf("records of %d former keys are still kept", maxFormer)
)

// Rotate returns the ring with a new key of each algorithm for a domain. The others go on signing
// until the records of the new ones are seen.
func (r Ring) Rotate(domain string, now time.Time, draw Draw) (Ring, error) {
	out := Ring{slices.Clone(r.keys)}
	for _, a := range algorithms {
		former := 0
		for _, k := range r.keys {
			switch {
			case k.Domain != domain || k.Algorithm() != a:
			case k.State(now) == Waiting:
				return r, ErrWaiting
			case !k.Retired.IsZero():
				former++
			}
		}
		if former >= maxFormer {
			return r, ErrFormer
		}
		if err := out.add(domain, a, now, draw); err != nil {
			return r, err
		}
	}
	return out, nil
}

// Replace returns the ring with a new key of each algorithm for a domain whose keys somebody else
// has: these sign no more, and their records are to be removed at once.
func (r Ring) Replace(domain string, now time.Time, draw Draw) (Ring, error) {
	out := Ring{slices.Clone(r.keys)}
	over := now.UTC().Truncate(time.Second).Add(-Keep)
	for i := range out.keys {
		k := &out.keys[i]
		if k.Domain != domain {
			continue
		}
		k.Seen = time.Time{}
		if k.Retired.IsZero() || k.Retired.After(over) {
			k.Retired = over
		}
	}
	for _, a := range algorithms {
		if err := out.add(domain, a, now, draw); err != nil {
			return r, err
		}
	}
	return out, nil
}

// add draws a key. Its selector has the day, and some of the digest of the key, since several nodes
// of an organisation have keys of their own for one domain.
func (r *Ring) add(domain string, a Algorithm, now time.Time, draw Draw) error {
	if len(r.keys) >= maxKeys {
		return fmt.Errorf("more than %d keys", maxKeys)
	}
	signer, err := draw(a)
	if err != nil {
		return err
	}
	public, err := publicOf(signer)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(public)
	r.keys = append(r.keys, Key{
		Domain: domain, Signer: signer, Made: now.UTC().Truncate(time.Second),
		Selector: "cairn-" + now.UTC().Format("20060102") + "-" + hex.EncodeToString(digest[:4]),
	})
	return nil
}

// Answer is what the DNS says of the record of a key.
type Answer uint8

// The answers. Without one, what was seen before stands.
const (
	NoAnswer Answer = iota
	Absent
	Present
)

// Seen returns the ring after the DNS was asked, with an answer for each of its keys by their
// names. Keys whose record is gone after their time are forgotten.
func (r Ring) Seen(answers map[string]Answer, now time.Time) Ring {
	now = now.UTC().Truncate(time.Second)
	out := Ring{slices.Clone(r.keys)}
	out.keys = slices.DeleteFunc(out.keys, func(k Key) bool {
		return answers[k.Name()] == Absent && k.State(now) == Ended
	})
	for i := range out.keys {
		switch k := &out.keys[i]; {
		case answers[k.Name()] == Absent:
			k.Seen = time.Time{}
		case answers[k.Name()] == Present && k.Seen.IsZero() && k.State(now) != Ended: // nor does it sign again
			k.Seen = now
		}
	}
	for i := range out.keys {
		k := &out.keys[i]
		if at := out.signer(k.Domain, k.Algorithm()); at > i && k.Retired.IsZero() {
			k.Retired = now
		}
	}
	return out
}

// Sorted are the keys by their domains, the newest first.
func (r Ring) Sorted() []Key {
	return slices.SortedStableFunc(slices.Values(r.keys), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), b.Made.Compare(a.Made))
	})
}
