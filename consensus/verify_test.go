package consensus

import (
	"encoding/hex"
	"errors"
	"testing"
)

// TestZIP215 checks signatures on which implementations of Ed25519 differ. All
// are made with points of small order, for which R = A and S = 0 satisfy the
// equation with cofactor whatever the message.
func TestZIP215(t *testing.T) {
	key := func(s string) (k Key) {
		b, err := hex.DecodeString(s)
		if err != nil || copy(k[:], b) != 32 {
			t.Fatalf("bad test key %s", s)
		}
		return k
	}
	for _, c := range []struct {
		name string
		a, r string
		s    byte // least significant byte of S; 0xff: all bytes, out of range
		want bool
	}{
		{"identity", "0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000", 0, true},
		{"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", 0, true},
		{"not canonical", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "0100000000000000000000000000000000000000000000000000000000000000", 0, true},
		{"R of order 8", "0100000000000000000000000000000000000000000000000000000000000000", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", 0, true},
		{"S of one", "0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000", 1, false},
		{"S out of range", "0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000", 0xff, false},
		{"key is no point", "0200000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000", 0, false},
		{"R is no point", "0100000000000000000000000000000000000000000000000000000000000000", "0200000000000000000000000000000000000000000000000000000000000000", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, r := key(c.a), key(c.r)
			var sig Signature
			copy(sig[:], r[:])
			sig[32] = c.s
			if c.s == 0xff {
				for i := 33; i < 64; i++ {
					sig[i] = 0xff
				}
			}
			message := []byte("any message")
			failure := errors.New("wrong")
			good := testKey("good")
			single := VerifySignature(a, message, sig)
			expanded := verifyWith(newVerifyingKey(a), message, sig)
			batch := newSignatures(3)
			batch.add(PublicKey(good), message, sign(good, message), errors.New("good one wrong"))
			batch.addExpanded(newVerifyingKey(a), message, sig, failure)
			batch.add(a, message, sig, failure)
			errs := batch.verify()
			batched := errs == nil
			if !batched && (errs[0] != nil || errs[1] != failure || errs[2] != failure) {
				t.Errorf("batch: %v", errs)
			}
			if single != c.want || expanded != c.want || batched != c.want {
				t.Errorf("single %v, expanded %v, batch %v; want %v", single, expanded, batched, c.want)
			}
		})
	}
}

func TestSignaturesOfNobody(t *testing.T) {
	if err := newSignatures(0).first(); err != nil {
		t.Errorf("no signatures: %v", err)
	}
}

// TestSignedMessagesDiffer holds apart what keys sign: no bytes signed for one
// purpose can pass for another's, since no purpose begins with another.
func TestSignedMessagesDiffer(t *testing.T) {
	purposes := []string{purposeHeader, purposeEvent, purposePossession, purposeNodePossession, purposeBatch, purposeMicro, purposeIdentity}
	for i, p := range purposes {
		for j, q := range purposes {
			if i != j && len(p) <= len(q) && q[:len(p)] == p {
				t.Errorf("%q begins with %q", q, p)
			}
		}
	}
}
