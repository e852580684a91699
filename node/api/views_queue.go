package api

import "time"

// What an entry of the queue waits for.
const (
	WaitsRecord   = "record"   // it does not leave before it is recorded
	WaitsDelivery = "delivery" // nothing is recorded now: it is delivered to accounts here without a record
	WaitsHeld     = "held"     // it is recorded, and whether a block will hold that is in doubt
	WaitsBlock    = "block"    // it is held until its record is in a block
	WaitsRelease  = "release"  // somebody holds it
	WaitsAttempt  = "attempt"  // its next attempt is due later
	WaitsNothing  = "nothing"  // it is due, or on its way
)

// QueueEntry is outbound mail: one message for recipients of one domain.
type QueueEntry struct {
	ID          uint64    `json:"id"`
	Ref         string    `json:"ref"`            // as told who submitted it
	Message     string    `json:"message"`        // the sent copy, "account/id"; it may have been removed
	From        string    `json:"from,omitempty"` // empty: a report
	Domain      string    `json:"domain"`
	Recipients  []string  `json:"recipients"`
	Created     time.Time `json:"created"`
	WaitsFor    string    `json:"waits_for"`         // record, delivery, held, block, release, attempt, nothing
	Why         string    `json:"why,omitempty"`     // why it is held, or the node cannot record
	Unclear     bool      `json:"unclear,omitempty"` // a node of its domain may have it: the reply was lost
	RequireTLS  bool      `json:"require_tls,omitempty"`
	Attempts    int       `json:"attempts"`
	LastError   string    `json:"last_error,omitempty"`
	Next        string    `json:"next,omitempty"`        // what to do about why or the last error, or the command that tells more
	NextAttempt time.Time `json:"next_attempt,omitzero"` // of what is recorded and not held
}

// QueueList lists the oldest entries, of all or of a selection.
type QueueList struct {
	Document
	Entries []QueueEntry `json:"entries"`
	Total   int          `json:"total"`             // in the queue, or of that selection
	Damaged string       `json:"damaged,omitempty"` // what of them is and is not listed, in a sentence
}

// QueueItem is one entry with its latest attempts, oldest first.
type QueueItem struct {
	Document
	QueueEntry
	History []QueueAttempt `json:"history"`
}

// QueueAttempt is what became of one attempt.
type QueueAttempt struct {
	Time   time.Time `json:"time"`
	Result string    `json:"result"`
}

// QueueSelection says which entries of the queue are listed: those that fit all that is given.
type QueueSelection struct {
	Domain  string `json:"name,omitempty"`    // the field has been called so since there was no other
	From    string `json:"from,omitempty"`    // as in QueueRequest
	Account string `json:"account,omitempty"` // as in QueueRequest
}

// QueueRequest names an entry of the queue; or those that fit all that is given of Domain, From and
// Account; or all.
type QueueRequest struct {
	ID      uint64 `json:"id,omitempty"`
	Domain  string `json:"domain,omitempty"`
	From    string `json:"from,omitempty"`    // the envelope sender; "<>": reports
	Account string `json:"account,omitempty"` // whose mail it is, by name
	All     bool   `json:"all,omitempty"`
}

// QueueDrop names what is to be dropped.
type QueueDrop struct {
	QueueRequest
	Silent bool `json:"silent,omitempty"` // its sender is not told
}

// QueueChanged says how many entries were held, released or dropped that were not before.
type QueueChanged struct {
	Document
	Entries  int    `json:"entries"`
	UnderWay int    `json:"under_way,omitempty"` // entries that were not dropped, since an attempt is under way
	Damaged  string `json:"damaged,omitempty"`   // what was not dropped because it is damaged, in a sentence
	Reports  int    `json:"reports,omitempty"`   // entries that were dropped of which somebody is told
	To       string `json:"to,omitempty"`        // who is told, of the one that was named; empty: nobody
}

// Suppressed is an address that an account's mail is not taken for.
type Suppressed struct {
	Document
	SuppressedAddress
}

// SuppressedAddress is what the list says of an address.
type SuppressedAddress struct {
	Account string    `json:"account"` // by name
	Address string    `json:"address"`
	Since   time.Time `json:"since,omitzero"` // not known where the list was damaged
	Until   time.Time `json:"until,omitzero"` // it comes off the list by itself
	Why     string    `json:"why,omitempty"`  // the reply of its server; empty: it was put there by hand
}

// SuppressedList lists them, by account and address.
type SuppressedList struct {
	Document
	Addresses []SuppressedAddress `json:"addresses"`
}

// SuppressRequest names an address and the account whose mail to it is meant.
type SuppressRequest struct {
	Account string `json:"account"`
	Address string `json:"address"`
	Seconds int64  `json:"seconds,omitempty"` // for how long; 0: as outbound.suppress says
}

// QueueRetried says what is tried again.
type QueueRetried struct {
	Document
	Due int `json:"due"` // entries that were to be tried later, and are tried now

	WaitsFor string `json:"waits_for,omitempty"` // of the one entry that was named and goes on waiting: record, delivery, held, block, release
	Why      string `json:"why,omitempty"`       // as in QueueEntry
}
