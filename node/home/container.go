package home

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The bytes of a backup, numbers big endian:
//
//	backup = magic | u16 version | part... | u8 0 | SHA-256 of all octets before
//	part   = u8 1 | u8 length, name | chunk... | u32 0 | u64 length of all chunks | digest
//	chunk  = u32 length, 1 to 65,536 | octets
//	digest = SHA-256(u8 length, name | octets of all chunks)
//
// The octets of a part are one gzip member (RFC 1952). The first part is the manifest; those that
// it lists follow in its order, which is that of parts. Nothing follows the end.
const (
	magic    = "cairn-backup"
	version  = 1
	tagEnd   = 0
	tagPart  = 1
	maxChunk = 64 << 10

	manifestName = "manifest"
	maxManifest  = 64 << 10
	maxFile      = 1 << 20 // of each part but the mail store, in bytes

	// maxRatio is how often longer than its packed octets the content of a part may be, behind the
	// first freeUnpacked bytes. A writer keeps to it from the first keptUnpacked on.
	maxRatio     = 64
	freeUnpacked = 16 << 20
	keptUnpacked = 1 << 20
)

// Manifest says what a backup is of. It is its first part, one JSON document.
type Manifest struct {
	Software     string    `json:"software"`                  // that wrote it, "cairn/<version>"
	Made         time.Time `json:"made"`                      // UTC
	Organisation string    `json:"organisation"`              // its name
	OrgID        string    `json:"organisation_id,omitempty"` // hex; this and the next two are empty before the node joined a network
	Network      string    `json:"network,omitempty"`         // its name
	ChainID      string    `json:"chain_id,omitempty"`        // hex
	Node         string    `json:"node"`                      // its public key, hex
	Journal      uint64    `json:"journal"`                   // the last change of the mail store that is in it
	Parts        []string  `json:"parts"`                     // names, in their order
}

// HasOrgKey tells whether the organisation's key is in the backup.
func (m *Manifest) HasOrgKey() bool { return slices.Contains(m.Parts, OrgKey) }

func (m *Manifest) encode() ([]byte, error) { return json.Marshal(m) }

// decodeManifest is strict: it takes only what encode writes.
func decodeManifest(b []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if again, err := m.encode(); err != nil || !bytes.Equal(again, b) {
		return nil, errors.Join(err, errors.New("it is not written as a node writes it"))
	}
	return m, checkParts(m.Parts)
}

// checkParts holds a list of names to the parts that there are, their order, and those that must be
// there.
func checkParts(names []string) error {
	rest := names
	for _, p := range parts {
		switch {
		case p.many:
			for last := uint64(0); len(rest) > 0; rest = rest[1:] {
				until, ok := oldKey(KeysDir+"/"+OldRecorderPrefix, rest[0])
				if !ok || until <= last {
					break
				}
				last = until
			}
		case len(rest) > 0 && rest[0] == p.name:
			rest = rest[1:]
		case p.must:
			return fmt.Errorf("it lists no %s where that has to be", p.name)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("it lists %q, which is no part of a backup or stands in the wrong place", rest[0])
	}
	return nil
}
