package api

import "time"

// OrgStanding is what the next event of this node's organisation goes by.
type OrgStanding struct {
	Document
	Height  uint64   `json:"height"`  // of the tip
	Entry   []byte   `json:"entry"`   // its entry there: consensus.Org, encoded
	Waiting [][]byte `json:"waiting"` // its events that wait for a block, in their order: consensus.OrgEvent, encoded
}

// EventRequest brings an event of this node's organisation to the network.
type EventRequest struct {
	Event  []byte `json:"event"`             // consensus.OrgEvent, encoded
	CutOff bool   `json:"cut_off,omitempty"` // also if it takes a domain away at which there are addresses of accounts or lists
}

// OrgEvent is an event of an organisation that waits for a block.
type OrgEvent struct {
	Document
	ID       string   `json:"id"`
	Type     string   `json:"type"`                // update, add-node, drop-node, rotate-key, revoke, ...
	Org      string   `json:"organisation"`        // ID of the organisation
	WaitsFor string   `json:"waits_for,omitempty"` // in words
	Counts   uint64   `json:"counts,omitempty"`    // height from which a rotation counts, at the earliest
	Counting string   `json:"counting,omitempty"`  // about how long that takes, or that another key counts from its block on, in words
	Domains  []string `json:"domains"`             // that it claims

	Ends []string `json:"ends,omitempty"` // nodes that it ends, by their keys

	Recorder string `json:"recorder,omitempty"` // the recorder key that a node gives itself
	Then     string `json:"then,omitempty"`     // what happens once a block has it, in words

	Replaces string `json:"replaces,omitempty"` // of a rotation: the key that was announced before and does not come now

	Unaddressed []DomainAccounts `json:"unaddressed,omitempty"` // of the domains that come with it, in the answer to an update
}

// DomainAccounts counts the accounts of this node that have no address at a domain.
type DomainAccounts struct {
	Domain   string `json:"domain"`
	Accounts int    `json:"accounts"`
}

// NodeAdded is an event that takes a node in, and what the new machine needs.
type NodeAdded struct {
	OrgEvent
	Node      string `json:"node"`      // the key of the node that is taken in
	Admission string `json:"admission"` // for cairn join on the new machine
}

// OrgNodeList lists the nodes of this node's organisation, those that ended last.
type OrgNodeList struct {
	Document
	Nodes []OrgNodeState `json:"nodes"`
}

// OrgNodeState is a node of an organisation and what became of it.
type OrgNodeState struct {
	Node     string    `json:"node"`
	Recorder string    `json:"recorder"`
	Since    uint64    `json:"since"`             // height of the block that enrolled it, with that recorder key
	End      string    `json:"end,omitempty"`     // dropped, revoked, suspended; empty: it has not ended
	Until    uint64    `json:"until,omitempty"`   // height of the block that ended it
	At       time.Time `json:"at,omitzero"`       // time of that block, else of the one that enrolled it
	Here     bool      `json:"here,omitempty"`    // it is the node that answers
	Waiting  bool      `json:"waiting,omitempty"` // it is in no block yet

	Formers []FormerRecorder `json:"former_recorders,omitempty"` // that it had lately, the last one first
	Next    string           `json:"next_recorder,omitempty"`    // recorder key that waits for a block
}

// OrgChanges is the history of an organisation's entry, the oldest change first.
type OrgChanges struct {
	Document
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Key         string           `json:"key"` // that counts now
	Fingerprint string           `json:"fingerprint"`
	Pending     *PendingRotation `json:"pending,omitempty"`
	Changes     []OrgChange      `json:"changes"`
}

// PendingRotation is an org key that does not count yet.
type PendingRotation struct {
	Key         string    `json:"key"`
	Fingerprint string    `json:"fingerprint"`
	At          uint64    `json:"at"`    // height of the first block in which it counts
	About       time.Time `json:"about"` // when that is, as far as one can tell
}

// OrgChange is one thing that a block changed in the entry of an organisation.
type OrgChange struct {
	Height uint64    `json:"height"`
	Time   time.Time `json:"time,omitzero"` // of that block
	// What changed: enrolled, name, domains, records, threshold, key, key-revoked, key-pending,
	// key-pending-gone, recovery, node-added, node-dropped, node-revoked, node-suspended, recorder
	// (a node has another recorder key), recorder-suspended (one that a node had before).
	What        string    `json:"what"`
	From        string    `json:"from,omitempty"`
	To          string    `json:"to,omitempty"`          // of keys: 64 hex digits
	Node        string    `json:"node,omitempty"`        // whose recorder key it was
	Fingerprint string    `json:"fingerprint,omitempty"` // of an org key in To
	Counts      uint64    `json:"counts,omitempty"`      // height from which a pending key counts
	About       time.Time `json:"about,omitzero"`        // when that is, or was
	Gone        uint64    `json:"gone,omitempty"`        // height of the block that took a pending key back or announced another one: it never counts
}

// Applications lists events that wait for the word of members.
type Applications struct {
	Document
	Applications []Application `json:"applications"`
	Left         int           `json:"left"` // attestations that this node gives today without being told twice
}

// Application is an enrolment or an update that needs attestations.
type Application struct {
	Document
	ID          string        `json:"id"`
	Type        string        `json:"type"`
	Name        string        `json:"name"`
	Key         string        `json:"key"`
	Fingerprint string        `json:"fingerprint"`
	Claims      []DomainClaim `json:"claims"`
	Attested    []string      `json:"attested"` // names of the members that have given their word
	Needed      int           `json:"needed"`
	Ours        bool          `json:"ours"` // this node's organisation has given it
}

// DomainClaim is what the DNS of a claimed domain says.
type DomainClaim struct {
	Domain   string `json:"domain"`
	DNS      string `json:"dns"`                 // names, names-not, no-answer
	PinnedTo string `json:"pinned_to,omitempty"` // fingerprint of another key that this node has pinned for it
}

// AttestRequest asks for this node's word for an event.
type AttestRequest struct {
	ID  string `json:"id"` // or its first digits
	Yes bool   `json:"yes,omitempty"`
}
