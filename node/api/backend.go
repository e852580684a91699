package api

import (
	"context"
	"io"
)

// Backend is a running node as seen from outside. All methods may be called at the same time by
// several callers, and return an *Error wherever the caller can do something about it; any other
// error is reported as CodeInternal.
type Backend interface {
	NodeService
	MailService
	AccountService
	ListService
	ChainService
	OrgService
	CopyService
	OrgEventService
	PeerService
	QueueService
	LimitService
	ReportService
	DKIMService
	TLSService
	DoctorService
	BackupService
}

// NodeService tells how the node is.
type NodeService interface {
	Status(ctx context.Context) (*Status, error)
}

// MailService reads and writes mail. A message is named by its Ref, "account/id", as in "alice/12".
type MailService interface {
	// Send submits one message as the submission listener would; nil means it is durable and will
	// be recorded and carried. CodeInvalid when the gateway refuses it for good, CodeTryLater when
	// it may be tried again.
	Send(ctx context.Context, r SendRequest) (*Sent, error)
	// Search answers newest first. CodeUsage when the query cannot be parsed, with the position in
	// the message.
	Search(ctx context.Context, r SearchRequest) (*SearchResult, error)
	// Message returns one message decoded for reading; CodeNotFound when there is none of that
	// name.
	Message(ctx context.Context, ref string) (*Message, error)
	// Raw returns the message byte for byte as stored.
	Raw(ctx context.Context, ref string) (*RawMessage, error)
	// Verify judges a message that need not be in the store, against this node's chain and pins. It
	// changes nothing: it is no arrival, so "replayed" can only mean that the recipient is not in
	// the record.
	Verify(ctx context.Context, r VerifyRequest) (*Verification, error)
	// Labels lists the labels of an account ("": of all accounts) with the number of messages under
	// each.
	Labels(ctx context.Context, account string) (*LabelList, error)
	// Queries lists the queries that an account gave names. CodeNotFound when there is no such
	// account.
	Queries(ctx context.Context, r QueriesRequest) (*NamedQueries, error)
	// PutQuery gives a query a name, or changes the one of that name, and returns it. CodeUsage
	// when it cannot be understood, CodeNotFound when it names one that is not there, CodeInvalid
	// when it would stand for itself or there are too many.
	PutQuery(ctx context.Context, r NamedQueryRequest) (*NamedQueries, error)
	// RemoveQuery takes one away and returns what it was. CodeNotFound when there is none,
	// CodeNotAllowed while another one names it.
	RemoveQuery(ctx context.Context, r NamedQueryRequest) (*NamedQueries, error)
	// SetLabels adds and removes labels of one message and returns those it has afterwards.
	SetLabels(ctx context.Context, r LabelRequest) (*MessageLabels, error)
	// Relabel does that for several messages: for up to 500 named ones, all or none, or for all
	// that a query finds.
	Relabel(ctx context.Context, r RelabelRequest) (*Relabelled, error)
}

// AccountService manages the mailboxes of this node.
type AccountService interface {
	Accounts(ctx context.Context) (*AccountList, error)
	// AddAccount makes an account. Without addresses it gets name@domain for each domain of the
	// organisation. CodeExists when the name or one of the addresses is taken.
	AddAccount(ctx context.Context, r AccountRequest) (*Account, error)
	// SetAccount sets a setting of an account, takes it back or leaves it, and returns the account.
	// CodeNotFound when there is no such account, CodeUsage when there is no such setting or it
	// cannot have that value.
	SetAccount(ctx context.Context, r SettingRequest) (*Account, error)
	// SetPassword sets the password of an account or takes it back, and returns the account.
	// CodeInvalid for one that is too short, CodeNotFound when there is no such account, or nothing
	// to take back.
	SetPassword(ctx context.Context, r PasswordRequest) (*Account, error)
	// AddApp makes an app password. CodeExists when there is one of that name or no room for one
	// more.
	AddApp(ctx context.Context, r AppRequest) (*NewAppPassword, error)
	// RemoveApp takes one back, and returns the account.
	RemoveApp(ctx context.Context, r AppRequest) (*Account, error)
	// AddAddress gives an account one more address, at a domain of the organisation. CodeExists
	// when somebody has it.
	AddAddress(ctx context.Context, r AddressRequest) (*Account, error)
	// RemoveAddress takes one off. CodeNotAllowed when it is the only one, the postmaster's, or a
	// list's bounces go there.
	RemoveAddress(ctx context.Context, r AddressRequest) (*Account, error)
	// Forwards tells where mail of an account is sent on to.
	Forwards(ctx context.Context, account string) (*Forwards, error)
	// AddForward has it sent on to one more address. CodeInvalid when that is its own,
	// CodeNotAllowed of mailing lists, CodeTooLarge when there is no room for one more.
	AddForward(ctx context.Context, r ForwardRequest) (*Forwards, error)
	// RemoveForward has it not sent on to an address any more. CodeNotFound when it is not.
	RemoveForward(ctx context.Context, r ForwardRequest) (*Forwards, error)
	// RemoveAccount removes an account; its mail goes with it. CodeNotFound when there is none.
	RemoveAccount(ctx context.Context, name string) (*Account, error)
}

// ListService deals with who sends mail on: the forwarders that an account knows, and the mailing
// lists of this node.
type ListService interface {
	// Forwarders lists those of an account.
	Forwarders(ctx context.Context, account string) (*ForwarderList, error)
	// AddForwarders makes an account know them, all or none. CodeInvalid when an address cannot be
	// one.
	AddForwarders(ctx context.Context, r ForwarderRequest) (*ForwarderList, error)
	// RemoveForwarders makes an account forget them, all or none. CodeNotFound when it does not
	// know one.
	RemoveForwarders(ctx context.Context, r ForwarderRequest) (*ForwarderList, error)
	HostedLists(ctx context.Context) (*HostedLists, error)
	// PutHostedList makes a list or changes one. CodeExists when somebody has the address.
	PutHostedList(ctx context.Context, r HostedListRequest) (*HostedList, error)
	// RemoveHostedList removes a list with its members and what was posted. CodeNotFound when there
	// is none.
	RemoveHostedList(ctx context.Context, address string) (*HostedList, error)
	Members(ctx context.Context, address string) (*MemberList, error)
	// Join makes addresses members of a list, Leave takes them off it; all or none.
	Join(ctx context.Context, r MembersRequest) (*MemberList, error)
	Leave(ctx context.Context, r MembersRequest) (*MemberList, error)
}

// ChainService reads the chain.
type ChainService interface {
	ChainStatus(ctx context.Context) (*ChainStatus, error)
	// Block returns a block by height, by ID (64 hex digits), or the last one for "tip".
	Block(ctx context.Context, which string) (*Block, error)
}

// OrgService deals with organisations and the trust in their domains.
type OrgService interface {
	// Orgs lists organisations on the chain. The selector is an org ID, an org key, a domain, ""
	// for this node's own, or "all". This node's own comes first, the others by name.
	Orgs(ctx context.Context, which string) (*OrgList, error)
	// Invite returns the string with which another organisation can join this network through this
	// node.
	Invite(ctx context.Context) (*Invite, error)
	// Claims tells who claims a domain, what the DNS says about each, and whom this node trusts for
	// it. CodeInvalid when it is no domain.
	Claims(ctx context.Context, domain string) (*Claims, error)
	// Trust pins a domain to an org key and has mail from there judged anew. CodeInvalid when
	// either cannot be parsed, CodeExists when the domain is pinned to another key and the request
	// does not replace that, CodeNotAllowed when the domain is this node's own and the key is not,
	// or, unless EvenSo, when no member with this key claims the domain.
	Trust(ctx context.Context, r TrustRequest) (*Pin, error)
	// Untrust takes the pin of a domain back and has mail from there judged anew. CodeNotFound when
	// there is none, CodeNotAllowed when the domain is this node's own.
	Untrust(ctx context.Context, domain string) (*Untrusted, error)
	Pins(ctx context.Context) (*PinList, error)
	// Transport says how mail for an organisation goes, and sets it where the request does.
	Transport(ctx context.Context, r TransportRequest) (*Transport, error)
}

// OrgEventService changes this node's organisation, in networks with parameters of version 2, and
// tells how any of them has changed.
type OrgEventService interface {
	// OrgStanding tells what an event of this node's organisation has to go by. CodeTryLater while
	// it is no member, CodeNotAllowed in a network of version 1.
	OrgStanding(ctx context.Context) (*OrgStanding, error)
	// ProposeEvent brings an event of this node's organisation to the network, and again until it
	// is in a block. CodeInvalid when a rule of the network refuses it, CodeNotAllowed when a pin
	// of this node does.
	ProposeEvent(ctx context.Context, r EventRequest) (*OrgEvent, error)
	// OrgNodes lists the nodes of this node's organisation.
	OrgNodes(ctx context.Context) (*OrgNodeList, error)
	// AdmitNode is ProposeEvent for an event that takes a node in.
	AdmitNode(ctx context.Context, r EventRequest) (*NodeAdded, error)
	// OrgChanges tells how an organisation's entry has changed, by its ID, a key or a domain; ""
	// for this node's own. CodeInvalid when several claim the domain.
	OrgChanges(ctx context.Context, which string) (*OrgChanges, error)
	// Applications lists enrolments and updates that wait for the word of members, with what the
	// DNS says of each. CodeNotAllowed in a network where nobody attests.
	Applications(ctx context.Context) (*Applications, error)
	// Attest gives this node's word for one of them. CodeNotAllowed when this node has pinned one
	// of its domains to another key and, unless Yes, when the DNS does not name its key or 16 were
	// given within a day.
	Attest(ctx context.Context, r AttestRequest) (*Application, error)
}

// CopyService deals with other processes that run with this node's keys.
type CopyService interface {
	// Stays makes this node the one that goes on. CodeNotFound when no copy was found.
	Stays(ctx context.Context) (*Stays, error)
}

// PeerService deals with the nodes this one is connected to.
type PeerService interface {
	Peers(ctx context.Context) (*PeerList, error)
	// Connect dials a multiaddr that ends in /p2p/<peer id>. CodeTryLater when it does not answer.
	Connect(ctx context.Context, address string) (*Peer, error)
}

// QueueService shows the mail that is on its way out.
type QueueService interface {
	// ListQueue lists the oldest 1,000 entries of a selection. CodeInvalid when it names no domain,
	// CodeNotFound when there is no such account.
	ListQueue(ctx context.Context, r QueueSelection) (*QueueList, error)
	// QueueEntry returns one; CodeNotFound when it has left or never was.
	QueueEntry(ctx context.Context, r QueueRequest) (*QueueItem, error)
	// RetryQueue makes what is named due at once; what waits for its record goes on waiting.
	RetryQueue(ctx context.Context, r QueueRequest) (*QueueRetried, error)
	// HoldQueue keeps what is named from being carried until ReleaseQueue. Attempts that are under
	// way go on.
	HoldQueue(ctx context.Context, r QueueRequest) (*QueueChanged, error)
	ReleaseQueue(ctx context.Context, r QueueRequest) (*QueueChanged, error)
	// DropQueue takes what is named off the queue, but for entries that are tried at that moment:
	// CodeTryLater when the one that is named is.
	DropQueue(ctx context.Context, r QueueDrop) (*QueueChanged, error)
	// ListSuppressed lists the addresses that mail is refused to: of one account by its name, or
	// with "" of all.
	ListSuppressed(ctx context.Context, account string) (*SuppressedList, error)
	// Suppress puts an address on the list of an account, in the place of what is there.
	Suppress(ctx context.Context, r SuppressRequest) (*Suppressed, error)
	// Unsuppress takes it off; CodeNotFound when it is not there.
	Unsuppress(ctx context.Context, r SuppressRequest) (*Suppressed, error)
}

// ReportService shows what other servers have reported of mail in the name of our domains.
type ReportService interface {
	// ListReports lists the newest 1,000: those about one domain and what is below it, or with ""
	// all. CodeInvalid when it is no domain.
	ListReports(ctx context.Context, domain string) (*ReportList, error)
	// Report returns one; CodeNotFound when it has expired or never was.
	Report(ctx context.Context, r ReportRequest) (*Report, error)
	// ListSentReports lists the newest 1,000 that this node has sent, to one domain and what is
	// below it, or with "" to all. CodeInvalid when it is no domain.
	ListSentReports(ctx context.Context, domain string) (*SentReportList, error)
}

// TLSService deals with the keys of the servers' certificates.
type TLSService interface {
	// TLSKeys lists the keys of a name, or with "" of all; the DNS is asked now. CodeNotFound when
	// none is shown for it.
	TLSKeys(ctx context.Context, name string) (*TLSKeys, error)
	// RollTLS makes the next key of a name, or with "" of the host name. CodeExists when there is
	// one, CodeNotAllowed when the node has no say in its key.
	RollTLS(ctx context.Context, name string) (*TLSKeys, error)
	// CancelRollTLS gives the next key of a name up. CodeNotFound when there is none.
	CancelRollTLS(ctx context.Context, name string) (*TLSKeys, error)
}

// DKIMService deals with the keys that sign mail to the rest of the world.
type DKIMService interface {
	// DKIM lists the keys of a domain, or with "" of all; the DNS is asked now. CodeNotFound when
	// there are none for that domain.
	DKIM(ctx context.Context, domain string) (*DKIMKeys, error)
	// RotateDKIM makes new keys for a domain, which sign once their records are seen. CodeExists
	// when there are some already that wait for that, CodeNotAllowed when records of many former
	// ones are still there, or no mail is signed in the name of that domain.
	RotateDKIM(ctx context.Context, domain string) (*DKIMKeys, error)
	// ReplaceDKIM makes new keys for a domain whose keys were stolen: these sign no more, and their
	// records are to be removed at once. CodeNotAllowed when no mail is signed in its name.
	ReplaceDKIM(ctx context.Context, domain string) (*DKIMKeys, error)
}

// DoctorService looks for what is wrong with a node.
type DoctorService interface {
	// Doctor looks at the node, at what the DNS says of it and at its way to a mail server outside,
	// within 30 seconds. CodeInvalid when it is asked to try the way to what is no address.
	Doctor(ctx context.Context, r DoctorRequest) (*Diagnosis, error)
}

// BackupService saves the node.
type BackupService interface {
	// Backup writes a backup of the node to w, of one moment, while mail comes in and goes out.
	// What was written before an error is none. CodeNotFound when a part that was asked for, or
	// that no node can be without, is not there.
	Backup(ctx context.Context, r BackupRequest, w io.Writer) error
}

// Holder is a Backend that bounds the memory of requests which carry a message.
type Holder interface {
	// Hold waits a while for memory for a request of that many bytes; release gives it back.
	Hold(ctx context.Context, bytes int64) (release func(), err error)
}

// LimitService tells whom the gateway keeps out, and why.
type LimitService interface {
	// Limits lists what counts against strangers and accounts at present. It is in memory: a
	// restart forgives everybody.
	Limits(ctx context.Context) (*LimitList, error)
	// Forgive forgets what counts against a network or an account, and what else is in its way.
	// CodeUsage when it is no network, CodeNotFound when there is no such account.
	Forgive(ctx context.Context, r ForgiveRequest) (*Forgiven, error)
}
