package api

import "time"

// OrgList lists organisations.
type OrgList struct {
	Document
	Orgs []Org `json:"organisations"`
}

// Org is an organisation on the chain.
type Org struct {
	ID             string    `json:"id"` // empty when its enrolment is not in a block yet
	Name           string    `json:"name"`
	Domains        []string  `json:"domains"`
	Key            string    `json:"key"`
	Fingerprint    string    `json:"fingerprint"` // of the key, in words to compare on the telephone
	Nodes          []OrgNode `json:"nodes"`
	Records        string    `json:"records"`         // all, some, none
	ThresholdFloor int       `json:"threshold_floor"` // percent; 0: none
	Height         uint64    `json:"height"`          // enrolled at
	Own            bool      `json:"own"`
	Trusted        []Pin     `json:"trusted"` // the domains for which this node trusts it

	Pending *PendingRotation `json:"pending,omitempty"` // a key that is announced

	DNS []DNSRecord `json:"dns,omitempty"` // of this node's own: what the DNS of its domains has to say to name its key
}

// DNSRecord is a TXT record to be published.
type DNSRecord struct {
	Name string `json:"name"` // absolute, with the dot at its end
	TXT  string `json:"txt"`
}

// OrgNode is one node of an organisation.
type OrgNode struct {
	Node     string `json:"node"`
	Recorder string `json:"recorder"`
	End      string `json:"end,omitempty"`   // dropped, revoked, suspended; empty: it has not ended
	Until    uint64 `json:"until,omitempty"` // height of the block that ended it

	Formers []FormerRecorder `json:"former_recorders,omitempty"` // that it had lately, the last one first
}

// FormerRecorder is a recorder key in whose place a node took another one.
type FormerRecorder struct {
	Recorder string `json:"recorder"`
	Until    uint64 `json:"until"` // height of the block from which the other one counts
}

// Pin binds a domain to an org key, at this node.
type Pin struct {
	Document
	Domain      string    `json:"domain"`
	Key         string    `json:"key"`
	Fingerprint string    `json:"fingerprint"`            // of the key, in words
	Org         string    `json:"organisation,omitempty"` // name of the member with this key; empty: there is none
	Source      string    `json:"source"`                 // own, genesis, invite, trust
	Since       time.Time `json:"since"`

	// Unclaimed: no member of the network with this key claims the domain, so no mail goes there
	// yet.
	Unclaimed bool `json:"unclaimed,omitempty"`
	// Former: the organisation had this key, and has another one now. The pin stands for it all the
	// same.
	Former bool `json:"former,omitempty"`
}

// PinList lists the pins of this node by domain.
type PinList struct {
	Document
	Pins []Pin `json:"pins"`
}

// Claims tells who claims a domain, the oldest claim first, and whom this node trusts for it.
type Claims struct {
	Document
	Domain string  `json:"domain"`
	Claims []Claim `json:"claims"`
	Pin    *Pin    `json:"pin,omitempty"` // of the domain; its key may be none of those that claim it
}

// Claim is one organisation that claims a domain. Anybody can.
type Claim struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Key         string    `json:"key"`
	Fingerprint string    `json:"fingerprint"`    // of the key, in words
	Records     string    `json:"records"`        // all, some, none
	Height      uint64    `json:"height"`         // of the first block with the claim
	Since       time.Time `json:"since,omitzero"` // of that block
	Own         bool      `json:"own"`
	Pinned      bool      `json:"pinned"`  // the domain, to this key
	DNS         string    `json:"dns"`     // what the domain's DNS says of the key now: names, names-not (nobody, or another), no-answer
	Trusted     bool      `json:"trusted"` // for the domain, by pin or DNS
}

// TrustRequest asks to pin a domain to an org key.
type TrustRequest struct {
	Domain  string `json:"domain"`
	Key     string `json:"key"`
	Replace bool   `json:"replace,omitempty"` // also if it is pinned to another key
	EvenSo  bool   `json:"even_so,omitempty"` // also if no member with this key claims the domain
}

// Untrusted is a pin that was taken back, and the trust that is left.
type Untrusted struct {
	Document
	Pin     Pin    `json:"pin"`               // as it was
	DNS     string `json:"dns"`               // names (a member that claims the domain), names-not, no-answer
	Trusted *Claim `json:"trusted,omitempty"` // whom the DNS names
	Mail    string `json:"mail"`              // where mail for the domain goes now: member (its nodes), waits, outside (ordinary SMTP), returned
}

// Values of Untrusted.Mail.
const (
	MailMember   = "member"
	MailWaits    = "waits"
	MailOutside  = "outside"
	MailReturned = "returned"
)

// Invite is one string: network, addresses, org key.
type Invite struct {
	Document
	Invite    string   `json:"invite"`
	Network   string   `json:"network"`
	ChainID   string   `json:"chain_id"`
	Addresses []string `json:"addresses"`
}
