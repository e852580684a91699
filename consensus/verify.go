package consensus

import (
	"bytes"
	"crypto/sha256"
	"hash"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// zip215 are the rules for signatures everywhere in consensus. They are the
// ones under which checking many at once and one by one always agree; the
// standard library's, which signs, are stricter and do not promise that.
// See ZIP 215, "Explicitly Defining and Modifying Ed25519 Validation Rules".
var zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}

// VerifySignature reports whether sig is key's signature of message by the
// rules of ZIP 215.
func VerifySignature(key Key, message []byte, sig Signature) bool {
	return ed25519.VerifyWithOptions(key[:], message, sig[:], zip215)
}

// verifyingKey is a public key prepared for checking many signatures. A
// nil key stands for 32 bytes that are no point: nothing verifies.
type verifyingKey = ed25519.ExpandedPublicKey

func newVerifyingKey(key Key) *verifyingKey {
	k, err := ed25519.NewExpandedPublicKey(key[:])
	if err != nil {
		return nil
	}
	return k
}

func verifyWith(key *verifyingKey, message []byte, sig Signature) bool {
	return key != nil && ed25519.VerifyExpandedWithOptions(key, message, sig[:], zip215)
}

// signatures gathers signatures to check them all at once, which takes about
// half the time.
type signatures struct {
	batch      *ed25519.BatchVerifier
	transcript hash.Hash
	failures   []error // for each signature, the error if it is wrong
}

func newSignatures(capacity int) *signatures {
	return &signatures{
		batch:      ed25519.NewBatchVerifierWithCapacity(capacity),
		transcript: sha256.New(),
	}
}

// add queues a signature; failure is what verify reports should it be wrong.
func (s *signatures) add(key Key, message []byte, sig Signature, failure error) {
	s.batch.AddWithOptions(key[:], message, sig[:], zip215)
	s.note(key[:], message, sig[:], failure)
}

// addExpanded is add for a prepared key.
func (s *signatures) addExpanded(key *verifyingKey, message []byte, sig Signature, failure error) {
	if key == nil {
		s.add(Key{}, message, Signature{63: 0xff}, failure) // never valid: S is out of range
		return
	}
	y := key.CompressedY()
	s.batch.AddExpandedWithOptions(key, message, sig[:], zip215)
	s.note(y[:], message, sig[:], failure)
}

func (s *signatures) note(key, message, sig []byte, failure error) {
	digest := sha256.Sum256(message)
	s.transcript.Write(key)
	s.transcript.Write(digest[:])
	s.transcript.Write(sig)
	s.failures = append(s.failures, failure)
}

// verify checks all signatures. It returns nil if all are right; else one
// entry each, in the order they were added, nil for those that are right.
func (s *signatures) verify() []error {
	if len(s.failures) == 0 {
		return nil
	}
	// The random factors of a batch must be out of reach of who made the
	// signatures. Taken from a hash of all that is checked, they are, and
	// the result depends on nothing but the arguments.
	ok, each := s.batch.Verify(bytes.NewReader(s.transcript.Sum(nil)))
	if ok {
		return nil
	}
	errs := make([]error, len(each))
	for i, valid := range each {
		if !valid {
			errs[i] = s.failures[i]
		}
	}
	return errs
}

// first returns the first failure of verify.
func (s *signatures) first() error {
	for _, err := range s.verify() {
		if err != nil {
			return err
		}
	}
	return nil
}
