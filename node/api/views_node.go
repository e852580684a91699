package api

import "time"

// Version is the version of all documents in this package.
const Version = 1

// Document is embedded by every view that stands alone as an answer. The version is set when it is
// encoded.
type Document struct {
	Version int `json:"version,omitempty"` // of the whole answer; left out of documents inside another
}

func (d *Document) setVersion() { d.Version = Version }

// Status is the answer to "how is the node?".
type Status struct {
	Document
	Software  string      `json:"software"` // "cairn/<version>"
	Directory string      `json:"directory"`
	Hostname  string      `json:"hostname"`
	Started   time.Time   `json:"started"`
	Org       OrgSummary  `json:"organisation"`
	Chain     ChainStatus `json:"chain"`
	Listen    Listeners   `json:"listen"`
	Peers     int         `json:"peers"`
	Mail      MailStatus  `json:"mail"`

	Clock       ClockStatus `json:"clock"`
	Index       IndexStatus `json:"index"`
	PeersByOrg  []OrgPeers  `json:"peers_by_organisation"` // by name; those of no organisation last
	SilentPeers []Silent    `json:"silent_peers"`          // bootstrap addresses that do not answer, or not as a node of the network
	Copy        *CopyStatus `json:"copy,omitempty"`        // another process with this node's keys; not there if none was ever found
	Twice       []TwiceNode `json:"twice"`                 // other nodes of which two processes are connected here

	Certificates []Certificate `json:"certificates"` // that the servers show, that of the host name first

	Policy *OwnPolicy `json:"mta_sts,omitempty"` // not there: none is published
}

// OwnPolicy is what servers are asked for that send to the organisation's domains (MTA-STS, RFC
// 8461).
type OwnPolicy struct {
	Mode    string       `json:"mode"` // "enforce", "testing" or "none"
	MX      []string     `json:"mx"`
	MaxAge  int          `json:"max_age"` // seconds
	Records []ZoneRecord `json:"records"` // that have to be in the DNS for others to find it
}

// Certificate is what the node's servers show for a name.
type Certificate struct {
	Name   string    `json:"name"`
	Source string    `json:"source"` // "own", of the node's own making; "file"; "acme", of a certificate authority
	Until  time.Time `json:"until"`
	Fault  string    `json:"fault,omitempty"` // why an authority has not issued one, or not renewed it
	Again  time.Time `json:"again,omitzero"`  // when it is asked again
	Next   string    `json:"next,omitempty"`  // what to do about that
}

// CopyStatus is another process that runs, or ran, with the keys of this node.
type CopyStatus struct {
	Instance string    `json:"instance"` // the name of that process, 32 hex digits
	Found    time.Time `json:"found"`
	Seen     time.Time `json:"seen,omitzero"`  // when this process last learned that it lives
	Told     string    `json:"told"`           // the key of the node that knows both
	Stays    bool      `json:"stays"`          // this node is the one that stays; else it does not speak for itself
	Here     *CopyMail `json:"here,omitempty"` // what is in this directory alone; not there where this node stays
}

// CopyMail is what a node that does not speak for itself has beside what it took until the copy was
// found.
type CopyMail struct {
	Taken  int `json:"taken"`  // messages that came since then and are still there
	Queued int `json:"queued"` // entries of the queue
}

// TwiceNode is a node of which two processes run.
type TwiceNode struct {
	Node string `json:"node"`         // its node key
	Org  string `json:"organisation"` // its name; empty if the node is not enrolled
}

// Stays is the answer to saying that a node is the one that stays.
type Stays struct {
	Document
	Directory string     `json:"directory"`
	Copy      CopyStatus `json:"copy"`
}

// ClockStatus compares this machine's clock with itself, the chain and the clocks of others.
type ClockStatus struct {
	Time     time.Time `json:"time"`
	TipTime  time.Time `json:"tip_time"`
	TipAhead float64   `json:"tip_ahead_seconds"` // negative: the last block is so old
	Wrong    bool      `json:"wrong"`             // the last block is further ahead than a block may be: some clock is wrong

	Votes       int      `json:"votes"`                // other organisations that have told their time
	OthersAhead float64  `json:"others_ahead_seconds"` // by how much the middle one is ahead of this machine
	Findings    []string `json:"findings"`             // what is wrong, in words
	Kernel      string   `json:"kernel,omitempty"`     // its word: synchronised or not; empty: not known
	Waiting     bool     `json:"waiting"`              // mining, and what would be too old by this clock, wait
}

// IndexStatus tells how far the search index is.
type IndexStatus struct {
	Journal uint64 `json:"journal"` // number of the mail store's last change
	Cursor  uint64 `json:"cursor"`  // of the last one that the index has taken in
	Lag     uint64 `json:"lag"`
}

// OrgPeers counts the connected nodes of one organisation.
type OrgPeers struct {
	ID    string `json:"id"`           // of the organisation; empty: nodes that are not enrolled
	Org   string `json:"organisation"` // its name, which need not be unique
	Nodes int    `json:"nodes"`
	Ended int    `json:"ended,omitempty"` // of these, such as were dropped, revoked or suspended
}

// Silent is a node that was to be connected and does not answer, or is no peer of this one.
type Silent struct {
	Address string    `json:"address"` // multiaddr
	Since   time.Time `json:"since"`
	Why     string    `json:"why,omitempty"`  // it is no peer, in words; empty: it does not answer
	Next    string    `json:"next,omitempty"` // what to do about that
}

// OrgSummary is the node's own organisation.
type OrgSummary struct {
	Name     string   `json:"name"`
	Domains  []string `json:"domains"`
	Key      string   `json:"key"`
	ID       string   `json:"id,omitempty"`        // empty until enrolled
	Enrolled bool     `json:"enrolled"`            // the enrolment is in a block of the best chain
	Height   uint64   `json:"height"`              // of that block
	WaitsFor string   `json:"waits_for,omitempty"` // what the enrolment waits for, in words
	Ended    string   `json:"ended,omitempty"`     // how this node ended as one of the organisation's, in words

	EndedNext string `json:"ended_next,omitempty"` // what to do about that

	Pending *PendingRotation `json:"pending,omitempty"` // an org key that is announced

	Added bool `json:"added,omitempty"` // to an organisation, as a further node, and in no block yet as seen here: it enrols nothing itself

	Awaited bool `json:"awaited,omitempty"` // of a chain that is not here, as after a restore: whether it is a member is said there

	RecoveryKeyHere bool `json:"recovery_key_here,omitempty"` // and should be taken offline

	Proposed []OrgEvent `json:"proposed,omitempty"`     // changes that wait for a block
	Refused  string     `json:"not_proposed,omitempty"` // why a change in the configuration was not proposed

	RefusedNext string `json:"not_proposed_next,omitempty"` // what to do about that

	Overtaken []OvertakenEvent `json:"overtaken,omitempty"` // changes that no block will hold, of the last thirty days
}

// OvertakenEvent is a change of the organisation that was brought here and came to nothing: another
// one came before it.
type OvertakenEvent struct {
	ID    string    `json:"id"`
	Type  string    `json:"type"`
	Found time.Time `json:"found"` // when that was certain
	Next  string    `json:"next"`  // what to do if it is meant still
}

// Listeners are the addresses as bound, so with real ports where the configuration says 0.
type Listeners struct {
	Submission    string   `json:"submission,omitempty"`
	SubmissionTLS string   `json:"submission_tls,omitempty"`
	Inbound       string   `json:"inbound,omitempty"`
	Milter        string   `json:"milter,omitempty"` // as configured
	Operations    string   `json:"operations,omitempty"`
	HTTP          string   `json:"http,omitempty"`
	HTTPS         string   `json:"https,omitempty"`
	P2P           []string `json:"p2p"` // multiaddrs with /p2p/<peer id>
}

// MailStatus counts mail.
type MailStatus struct {
	Accounts int `json:"accounts"`
	Messages int `json:"messages"`
	Unsealed int `json:"unsealed"`     // queue entries without a record yet
	Queued   int `json:"queued"`       // queue entries in all
	Held     int `json:"held"`         // of these, recorded and kept from leaving, since no block may hold the record
	ByHand   int `json:"held_by_hand"` // of these, kept back by somebody until they are released
	Deferred int `json:"deferred"`     // of these, tried without success and to be tried again
	Sealed   int `json:"sealed"`       // sent mails whose records are in no block yet
	Pending  int `json:"pending"`      // received mail whose record is in no block yet
	IndexLag int `json:"index_lag"`

	Unsigned []string `json:"unsigned,omitempty"` // our domains in whose names no DKIM key signs, since no record of one is seen

	CutOff []string `json:"cut_off,omitempty"` // addresses of accounts and lists at domains that are not the organisation's

	Full     string `json:"full,omitempty"`      // why nothing can be stored now, mail neither; empty: there is room
	FullNext string `json:"full_next,omitempty"` // what to do about that

	Damaged     int    `json:"damaged,omitempty"`      // places of the mail store that were found damaged since the start, 10,000 at most
	DamagedNext string `json:"damaged_next,omitempty"` // what to do about that

	Batches int    `json:"batches"`            // of our records, closed and in no block yet
	Halted  string `json:"halted,omitempty"`   // why our mail is not recorded, and so waits; empty: all is well
	Next    string `json:"next,omitempty"`     // what to do about that, or the command that tells more
	ForGood bool   `json:"for_good,omitempty"` // nothing that the network does will change it
	Epoch   string `json:"epoch,omitempty"`    // of this node's recorder key, in which it signs; a number
}

// ChainStatus is the state of the chain at this node.
type ChainStatus struct {
	Document
	Network       string    `json:"network"`
	Params        uint16    `json:"params"`              // version of the network's parameters
	Attesters     uint8     `json:"attesters,omitempty"` // members that have to attest to a new one
	ChainID       string    `json:"chain_id"`
	Genesis       string    `json:"genesis"`
	Height        uint64    `json:"height"`
	Tip           string    `json:"tip"`
	TipTime       time.Time `json:"tip_time"`
	BlockInterval float64   `json:"block_interval_seconds"`
	Work          string    `json:"work"`
	NextBits      string    `json:"next_bits"` // compact target of the next block, 8 hex digits
	Orgs          int       `json:"organisations"`
	Mempool       Mempool   `json:"mempool"`
	Mining        string    `json:"mining"`                 // as configured: "off", "10%", "2"
	MiningWaits   string    `json:"mining_waits,omitempty"` // why no block is made now, though it is so configured; empty: blocks are made
	MiningNext    string    `json:"mining_next,omitempty"`  // what to do about that, where it is said nowhere else
	Syncing       bool      `json:"syncing"`                // a peer is known to be ahead
	SyncTarget    uint64    `json:"sync_target,omitempty"`  // the height it is at
}

// Mempool counts what waits for a block.
type Mempool struct {
	Events  int `json:"events"`
	Batches int `json:"batches"`
	Bytes   int `json:"bytes"`
}

// Block is one block of the best chain.
type Block struct {
	Document
	Height        uint64       `json:"height"`
	ID            string       `json:"id"`
	Previous      string       `json:"previous"`
	Time          time.Time    `json:"time"`
	Bits          string       `json:"bits"`
	Nonce         uint64       `json:"nonce"`
	BodyRoot      string       `json:"body_root"`
	StateRoot     string       `json:"state_root"`
	Miner         string       `json:"miner"`              // recorder key
	MinerOrg      string       `json:"miner_organisation"` // its org's name
	Confirmations uint64       `json:"confirmations"`      // blocks on top of it
	Size          int          `json:"size"`               // bytes, encoded
	Events        []BlockEvent `json:"events"`
	Batches       []BlockBatch `json:"batches"`
}

// BlockEvent is an org event in a block.
type BlockEvent struct {
	ID      string   `json:"id"`
	Type    string   `json:"type"` // "enrol"
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
	Key     string   `json:"key"`
}

// BlockBatch is a batch of records in a block.
type BlockBatch struct {
	ID       string    `json:"id"`
	Recorder string    `json:"recorder"`
	Org      string    `json:"organisation"`    // its name
	Epoch    string    `json:"epoch,omitempty"` // that it is numbered in; a number
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Micros   int       `json:"micro_batches"`
	Records  int       `json:"records"`
}

// BackupRequest asks for a backup.
type BackupRequest struct {
	OrgKey bool `json:"org_key"` // with the organisation's key
}

// PeerList lists the connected peers.
type PeerList struct {
	Document
	Peers []Peer `json:"peers"`
}

// Peer is one connected node.
type Peer struct {
	Document
	ID      string `json:"id"` // libp2p peer ID
	Address string `json:"address"`
	Org     string `json:"organisation,omitempty"` // name, when its node key is enrolled
	Ended   bool   `json:"ended,omitempty"`        // that organisation has the node no more
	Height  uint64 `json:"height,omitempty"`       // last height it told of
	Checked bool   `json:"checked,omitempty"`      // the block that it told of is here, or one with no less work
}
