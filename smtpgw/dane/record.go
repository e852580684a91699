// Package dane authenticates mail servers by what their domains publish of their keys in signed DNS
// records (TLSA; RFC 6698, 7671 and 7672). It asks nobody: records come from elsewhere, and have to
// be validated there.
package dane

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Usage is what a record says something of (RFC 7671, section 4).
type Usage uint8

// The usages. Those of PKIX are unusable with SMTP (RFC 7672, section 3.1.3).
const (
	PKIXTA Usage = 0
	PKIXEE Usage = 1
	DANETA Usage = 2 // an authority, which certifies the server's name
	DANEEE Usage = 3 // the server itself, whatever its certificate says beside the key
)

// Selector is what of a certificate a record has (RFC 6698, section 2.1.2).
type Selector uint8

// The selectors.
const (
	WholeCertificate Selector = 0
	PublicKey        Selector = 1 // the SubjectPublicKeyInfo
)

// Matching is how a record has that (RFC 6698, section 2.1.3).
type Matching uint8

// The matching types.
const (
	Full   Matching = 0
	SHA256 Matching = 1
	SHA512 Matching = 2
)

// Record is a TLSA record.
type Record struct {
	Usage    Usage
	Selector Selector
	Matching Matching
	Data     []byte // in DER, or its digest
}

// MaxRecords is how many records of one name count, and MaxData how many octets one may have: more
// are no sound set. A key or a certificate in full has a few thousand.
const (
	MaxRecords = 32
	MaxData    = 16 << 10
)

// Parse reads the data of a TLSA record (RFC 6698, section 2.1). What it cannot be is an error;
// what it says may still be unusable.
func Parse(rdata []byte) (Record, error) {
	switch {
	case len(rdata) < 4:
		return Record{}, errors.New("the TLSA record is too short")
	case len(rdata) > 3+MaxData:
		return Record{}, errors.New("the TLSA record is too long")
	}
	return Record{Usage(rdata[0]), Selector(rdata[1]), Matching(rdata[2]), slices.Clone(rdata[3:])}, nil
}

// String is the data of the record as zone files have it (RFC 6698, section 2.2).
func (r Record) String() string {
	return fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.Matching, hex.EncodeToString(r.Data))
}

// OfKey is the record 3 1 1 of a server with a public key, a SubjectPublicKeyInfo in DER: the one
// that RFC 7672, section 3.1.1 advises to publish. It stays as it is for as long as the key does.
func OfKey(spki []byte) Record {
	sum := sha256.Sum256(spki)
	return Record{DANEEE, PublicKey, SHA256, sum[:]}
}

// Usable reports whether the record can authenticate a mail server (RFC 7672, section 3.1.3).
func (r Record) Usable() bool {
	size, digest := map[Matching]int{SHA256: sha256.Size, SHA512: sha512.Size}[r.Matching]
	return (r.Usage == DANETA || r.Usage == DANEEE) && r.Selector <= PublicKey &&
		(digest && len(r.Data) == size || r.Matching == Full && len(r.Data) > 0)
}

// usable are the records that count of a set: those that can authenticate a server, and of digests
// of the same thing the strongest only (RFC 7671, section 9).
func usable(records []Record) (list []Record) {
	strongest := make(map[[2]uint8]Matching)
	for _, r := range records {
		if of := [2]uint8{uint8(r.Usage), uint8(r.Selector)}; r.Usable() {
			strongest[of] = max(strongest[of], r.Matching)
		}
	}
	for _, r := range records {
		if r.Usable() && (r.Matching == Full || r.Matching == strongest[[2]uint8{uint8(r.Usage), uint8(r.Selector)}]) {
			list = append(list, r)
		}
	}
	return list
}
