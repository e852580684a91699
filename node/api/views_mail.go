package api

import (
	"strings"
	"time"
)

// SendRequest is a message to submit.
type SendRequest struct {
	From string   `json:"from"` // envelope sender
	To   []string `json:"to"`   // envelope recipients
	Raw  []byte   `json:"raw"`  // RFC 5322, lines ending in CRLF

	RequireTLS bool `json:"require_tls,omitempty"` // as REQUIRETLS on MAIL (RFC 8689)
}

// Sent tells where the sent copy is.
type Sent struct {
	Document
	Ref       string   `json:"ref"`        // empty when the sender has no account here
	Mail      string   `json:"mail"`       // its id in the log, in Received, and of its queue entries
	MessageID string   `json:"message_id"` // the header field, given or added
	To        []string `json:"to"`

	Waiting string `json:"waiting,omitempty"`  // why it is queued and not recorded now, or leaves only with its block; empty: it leaves at once
	Next    string `json:"next,omitempty"`     // what to do about that, or the command that tells more
	ForGood bool   `json:"for_good,omitempty"` // as it stands, it is never recorded and does not leave
}

// MaxSearch is how many messages a search returns at most.
const MaxSearch = 1000

// SearchRequest is a query over one account, or all.
type SearchRequest struct {
	Account string `json:"account,omitempty"` // name; empty: all accounts
	Query   string `json:"query"`
	Limit   int    `json:"limit"`           // 0: 20; at most MaxSearch
	After   string `json:"after,omitempty"` // Next of the page before; empty: from the newest on
	Offset  int    `json:"offset"`
}

// SearchResult is a page of messages, newest first: by their Date, or by when they came in if that
// is earlier.
type SearchResult struct {
	Document
	Query    string    `json:"query"`            // as understood; of all accounts, as asked
	Both     []string  `json:"both,omitempty"`   // bare words that are labels too: both were looked for
	Behind   uint64    `json:"behind,omitempty"` // changes of mail that the index has not taken in: newer mail may be missing
	Total    int       `json:"total"`            // of all pages
	Next     string    `json:"next,omitempty"`   // where the next page begins, as After; empty: there is none
	Messages []Summary `json:"messages"`
}

// QueriesRequest asks for the queries that an account gave names.
type QueriesRequest struct {
	Account string `json:"account"`
	Count   bool   `json:"count,omitempty"` // say how many messages each finds now
}

// NamedQueryRequest gives a query a name, or names it.
type NamedQueryRequest struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Query   string `json:"query,omitempty"`
}

// NamedQuery is a query that has a name: query:NAME stands for it in others of its account.
type NamedQuery struct {
	Name  string    `json:"name"`
	Query string    `json:"query"` // as it was typed
	Means string    `json:"means"` // as it was understood then
	Since time.Time `json:"since"` // when it got the name, or was changed
	Total *int      `json:"total,omitempty"`
}

// NamedQueries are queries of an account by their names: all, or the one that was changed.
type NamedQueries struct {
	Document
	Account string       `json:"account"`
	Queries []NamedQuery `json:"queries"`
	Behind  uint64       `json:"behind,omitempty"` // as in SearchResult
}

// Summary is one message in a list.
type Summary struct {
	Ref      string    `json:"ref"`
	Received time.Time `json:"received"`
	Date     time.Time `json:"date,omitzero"` // what the Date field says, if it says anything
	From     string    `json:"from"`          // decoded
	To       string    `json:"to"`            // decoded
	Subject  string    `json:"subject"`       // decoded
	Size     int64     `json:"size"`          // bytes
	Verdict  string    `json:"verdict,omitempty"`
	Labels   []string  `json:"labels"`
	Damaged  string    `json:"damaged,omitempty"` // what of it cannot be read as it was stored, and what helps; the rest is what is known
}

// Message is one message decoded for reading. Nothing in it has been made safe for a terminal or
// for HTML.
type Message struct {
	Document
	Summary
	Mail         string        `json:"mail,omitempty"`    // its id in this node's log, and in Received
	SentAs       string        `json:"sent_as,omitempty"` // the id that whoever sent it here gave it, by his word
	Outgoing     bool          `json:"outgoing"`
	Held         string        `json:"held,omitempty"` // of a post to a mailing list here that waits: why
	Recipients   []string      `json:"recipients"`     // envelope
	Headers      []HeaderField `json:"headers"`        // in order, decoded
	Text         string        `json:"text"`           // plain text, or made from HTML when there is none
	Attachments  []Attachment  `json:"attachments"`
	Verification *Verification `json:"verification,omitempty"` // of a received message: the living verdict
	// Of a sent message: what became of each recipient, or what he waits for. Of one that was sent
	// before such was kept, those who wait alone.
	Deliveries []Delivery `json:"deliveries,omitempty"`
	Record     string     `json:"record,omitempty"` // of a sent message: waits, sealed, or block once all its records are in blocks
	// Unverified is there instead if that cannot be read as it was stored. What else is shown is
	// whole, unless Damaged says otherwise.
	Unverified string `json:"unverified,omitempty"`
	Next       string `json:"next,omitempty"` // what to do about that
}

// Values of Message.Record.
const (
	RecordWaits  = "waits"  // for some recipients it is not recorded yet
	RecordSealed = "sealed" // it is recorded, and not all of that is in blocks
	RecordBlock  = "block"
)

// StateWaiting is Delivery.State of who waits. The others are accepted, refused, given-up and
// dropped.
const StateWaiting = "waiting"

// Delivery is what is known of one recipient of a sent message.
type Delivery struct {
	To    string    `json:"to"`
	State string    `json:"state"`
	Time  time.Time `json:"time,omitzero"`   // when that was known; of who waits, of the latest attempt
	By    string    `json:"by,omitempty"`    // who replied
	Reply string    `json:"reply,omitempty"` // as it came; of who waits, to the latest attempt
	// Reported: it is what a report says that came after the mail was accepted.
	Reported bool `json:"reported,omitempty"`

	// Of who waits, as in QueueEntry.
	Entry       uint64    `json:"entry,omitempty"`
	WaitsFor    string    `json:"waits_for,omitempty"`
	Why         string    `json:"why,omitempty"`
	Attempts    int       `json:"attempts,omitempty"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
}

// HeaderField is one header field, RFC 2047 words decoded.
type HeaderField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Attachment describes one attachment.
type Attachment struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int    `json:"size"` // bytes, decoded
}

// RawMessage is a message as stored.
type RawMessage struct {
	Document
	Ref string `json:"ref"`
	Raw []byte `json:"raw"`
}

// VerifyRequest is a message to judge.
type VerifyRequest struct {
	Raw        []byte   `json:"raw"`
	Recipients []string `json:"recipients,omitempty"` // envelope recipients; none: all that the record names are taken as right
}

// Verification is a verdict with its reasons.
type Verification struct {
	Document
	Verdict   string    `json:"verdict"`
	Reasons   []string  `json:"reasons"`
	From      string    `json:"from"`                   // address in the From field
	Org       string    `json:"organisation,omitempty"` // name of the recording org, as in the block with the record
	OrgKey    string    `json:"organisation_key,omitempty"`
	OrgNow    string    `json:"organisation_now,omitempty"`     // its name now, where that is another than in the block
	OrgKeyNow string    `json:"organisation_key_now,omitempty"` // and its key
	Trusted   string    `json:"trusted,omitempty"`              // why the org is trusted for the From domain: own, genesis, invite, trust, dns
	Record    string    `json:"record,omitempty"`               // record ID
	Recorder  string    `json:"recorder,omitempty"`
	Seq       uint64    `json:"seq,omitempty"`     // of the batch
	Recorded  time.Time `json:"recorded,omitzero"` // time in the record
	Arrived   time.Time `json:"arrived,omitzero"`  // when this node took the message; not there of one in a file
	Block     *BlockRef `json:"block,omitempty"`
	Share     float64   `json:"share"`     // 0..1: same / (recorded + extra)
	Threshold int       `json:"threshold"` // percent
	Parts     []Part    `json:"parts"`

	ThresholdBy string     `json:"threshold_by,omitempty"`   // whose threshold it is, in words; empty: the default
	Version     int        `json:"record_version,omitempty"` // of the record
	Forwarder   string     `json:"forwarder,omitempty"`      // domain of the known forwarder that sent it on, A-label
	FiledUnder  string     `json:"filed_under,omitempty"`    // where the node put it and it still is: inbox, spam, quarantine
	FiledWhy    []string   `json:"filed_why,omitempty"`
	Evidence    []Evidence `json:"evidence,omitempty"` // of a stored message: all that the node knows about it
}

// Evidence is what one method found out about a message, as in Authentication-Results (RFC 8601).
type Evidence struct {
	Method string `json:"method"`
	Result string `json:"result"`
	About  string `json:"about,omitempty"` // domain or address
	Reason string `json:"reason,omitempty"`
}

// BlockRef points to the block a record is in.
type BlockRef struct {
	Height        uint64    `json:"height"`
	ID            string    `json:"id"`
	Time          time.Time `json:"time"`
	Confirmations uint64    `json:"confirmations"` // blocks on top of it
}

// Part is the comparison of one component.
type Part struct {
	Component string `json:"component"` // name of its type
	Index     int    `json:"index"`
	Outcome   string `json:"outcome"`          // same, changed, absent, extra
	Kind      string `json:"kind,omitempty"`   // why it differs, where that is known
	Detail    string `json:"detail,omitempty"` // as the text of an appended footer
	Says      string `json:"says"`             // all of it in words
	Decisive  bool   `json:"decisive"`         // alone keeps the mail from coming out as wanted
}

// LabelList lists labels.
type LabelList struct {
	Document
	Account string       `json:"account,omitempty"`
	Labels  []LabelCount `json:"labels"`
}

// LabelCount is a label with the number of messages under it.
type LabelCount struct {
	Label    string `json:"label"`
	Messages int    `json:"messages"`
}

// LabelRequest changes the labels of one message.
type LabelRequest struct {
	Ref    string   `json:"ref"`
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// MessageLabels are the labels of one message.
type MessageLabels struct {
	Document
	Ref    string   `json:"ref"`
	Labels []string `json:"labels"`
	Absent []string `json:"absent,omitempty"` // labels to be taken off that it did not have
}

// RelabelRequest changes the labels of several messages: of those named, or of all that a query
// finds.
type RelabelRequest struct {
	Refs    []string `json:"refs,omitempty"`
	Account string   `json:"account,omitempty"` // for the query; empty: all accounts
	Query   string   `json:"query,omitempty"`
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
}

// Relabelled are the labels of the messages that a request was about, as they are afterwards.
type Relabelled struct {
	Document
	Messages []MessageLabels `json:"messages"`
	Absent   []string        `json:"absent,omitempty"` // labels to be taken off that none of them had
	Both     []string        `json:"both,omitempty"`   // as in SearchResult
	Behind   uint64          `json:"behind,omitempty"` // as in SearchResult
}

// IsRef reports whether s has the form of a Ref, account/id. An account's name may hold slashes.
func IsRef(s string) bool {
	slash := strings.LastIndexByte(s, '/')
	id := s[slash+1:]
	return slash > 0 && id != "" && strings.Trim(id, "0123456789") == ""
}

// AccountList lists accounts.
type AccountList struct {
	Document
	Accounts []Account `json:"accounts"`
}

// Account is one mailbox.
type Account struct {
	Document
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	CutOff    []string `json:"cut_off,omitempty"` // those of them that are at no domain of the organisation: no mail comes there
	Messages  int      `json:"messages"`
	Unread    int      `json:"unread"`
	Used      int64    `json:"used,omitempty"` // octets of its messages, where it has a quota

	Settings []AccountSetting `json:"settings,omitempty"` // those that were set, by name
	Password bool             `json:"password"`           // it has one that its owner has chosen
	Apps     []AppPassword    `json:"apps,omitempty"`     // the oldest first

	// LeftLists are the mailing lists of this node off which removed addresses were taken.
	LeftLists []string `json:"left_lists,omitempty"`
}

// AppPassword is a password for one program of an account's owner. Its secret is told once.
type AppPassword struct {
	Name     string    `json:"name"`
	Since    time.Time `json:"since"`
	LastUsed time.Time `json:"last_used,omitzero"` // to the hour; none: never
}

// NewAppPassword is one that was made.
type NewAppPassword struct {
	Document
	Account string      `json:"account"`
	App     AppPassword `json:"app"`
	Secret  string      `json:"secret"`
}

// PasswordRequest sets the password of an account, or takes it back.
type PasswordRequest struct {
	Account  string `json:"account"`
	Password string `json:"password,omitempty"`
	Hash     string `json:"hash,omitempty"` // that another program made of it, as crypt(3) writes it
	Remove   bool   `json:"remove,omitempty"`
}

// AppRequest names an app password of an account.
type AppRequest struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

// AccountSetting is a setting of one account.
type AccountSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SettingRequest sets a setting of an account, takes it back, or with neither a value nor Unset
// asks for it.
type SettingRequest struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`
	Unset   bool   `json:"unset,omitempty"`
}

// Forward is an address that mail is sent on to.
type Forward struct {
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
}

// Forwards is where mail of an account is sent on to.
type Forwards struct {
	Document
	Account string    `json:"account"`
	Copy    bool      `json:"copy"` // what is sent on is kept too
	To      []Forward `json:"to"`
}

// ForwardRequest names an address that mail of an account is, or is no more, sent on to.
type ForwardRequest struct {
	Account string `json:"account"`
	Address string `json:"address"`
	NoCopy  *bool  `json:"no_copy,omitempty"` // of all that is sent on no copy is kept; null: as before
}

// AddressRequest names an address of an account.
type AddressRequest struct {
	Account string `json:"account"`
	Address string `json:"address"`
}

// AccountRequest asks for an account.
type AccountRequest struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses,omitempty"`
}
