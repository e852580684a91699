package api

// How mail for an organisation goes while none of its nodes answers.
const (
	PreferPeer = "prefer-peer" // to its domains' mail servers after some time
	PeerOnly   = "peer-only"   // nowhere else: it waits, and is returned in the end
)

// When mail leaves for an organisation.
const (
	HoldUntilIncluded = "until-included" // when its record is in a block
	HoldNone          = "none"           // when it is recorded
)

// Transport is how mail for an organisation goes.
type Transport struct {
	Document
	Org     string `json:"organisation"` // its name
	ID      string `json:"id"`
	Policy  string `json:"policy"`            // prefer-peer, peer-only
	MXAfter int64  `json:"mx_after,omitzero"` // seconds that a mail was tried before it goes to mail servers; of prefer-peer
	Hold    string `json:"hold"`              // until-included, none
	Set     bool   `json:"set"`               // somebody has said so; else it is the default
	// Inside are those of its domains whose mail goes to its nodes alone all the same: a pin says
	// whose they are, or mail for others is returned here.
	Inside []string `json:"inside,omitempty"`
}

// TransportRequest names an organisation by a domain, its id or its key, and what is to be set;
// nothing: it is only shown.
type TransportRequest struct {
	Org     string `json:"organisation"`
	Policy  string `json:"policy,omitempty"`
	MXAfter int64  `json:"mx_after,omitempty"` // seconds; 0: as before
	Hold    string `json:"hold,omitempty"`
}
