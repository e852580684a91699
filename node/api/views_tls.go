package api

import "time"

// TLSKeys are the keys of the certificates that the servers show, and the TLSA records by which
// senders know them (RFC 6698, RFC 7672).
type TLSKeys struct {
	Document
	Keys []TLSKey `json:"keys"` // the host name first
}

// TLSKey is that of one name.
type TLSKey struct {
	Name   string    `json:"name"`
	Source string    `json:"source"` // as of Certificate
	Until  time.Time `json:"until"`  // of the certificate
	Owner  string    `json:"owner"`  // of the records, without a final dot
	Record string    `json:"record"` // 3 1 1 of the key in use
	Fault  string    `json:"fault,omitempty"`

	Next   *TLSNext   `json:"next,omitempty"`   // left out: none
	Former *TLSFormer `json:"former,omitempty"` // left out: none is to be removed
}

// TLSNext is the key that is to come.
type TLSNext struct {
	Record string    `json:"record"`
	Made   time.Time `json:"made"`
	// State is "unknown" (the DNS has not answered), "missing" (not both records are there), "seen"
	// (both are) or "unpublished" (there are none that count, so it is used after a set time).
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"` // when the DNS began to say so
	TTL   int64     `json:"ttl"`            // in seconds; the longest that was seen
	Ready time.Time `json:"ready,omitzero"` // when it may be used, if the DNS goes on saying so
	Using bool      `json:"using"`          // it is being certified
	Why   string    `json:"why,omitempty"`  // what State rests on, in words
}

// TLSFormer is a key of before, whose record may go.
type TLSFormer struct {
	Record string    `json:"record"`
	Until  time.Time `json:"until"` // when another one came into use
}
