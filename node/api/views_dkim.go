package api

import "time"

// DKIMKeys are the keys that sign mail to the rest of the world (RFC 6376).
type DKIMKeys struct {
	Document
	Keys    []DKIMKey `json:"keys"`              // by domain, the newest first
	Without []string  `json:"without,omitempty"` // our domains that have none
	Why     string    `json:"why,omitempty"`     // why these have none
}

// DKIMKey is one of them, and the TXT record that goes with it.
type DKIMKey struct {
	Domain    string   `json:"domain"`
	Selector  string   `json:"selector"`
	Algorithm string   `json:"algorithm"` // rsa, ed25519
	State     string   `json:"state"`     // waiting, signing, former, ended
	Signs     bool     `json:"signs"`
	Name      string   `json:"name"`            // of the record, without a final dot
	Record    string   `json:"record"`          // its text
	Strings   []string `json:"strings"`         // the same in the strings that a zone has, of 255 octets at most
	Fault     string   `json:"fault,omitempty"` // what was wrong with the record when the DNS was last asked; empty: nothing, or it has not been asked

	Made    time.Time `json:"made"`
	Seen    time.Time `json:"seen,omitzero"`       // since when the DNS is seen to have the record
	Retired time.Time `json:"retired,omitzero"`    // since when another key signs in its place
	Until   time.Time `json:"keep_until,omitzero"` // how long the record of a former key is to stay
}
