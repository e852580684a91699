package api

import "time"

// Forwarder is who sends mail on to an account.
type Forwarder struct {
	Address string    `json:"address"` // the list's posting address, or the account's old one
	Domain  string    `json:"domain"`  // of the node that sends on
	Kind    string    `json:"kind"`    // list, forward
	Since   time.Time `json:"since"`
}

// ForwarderRequest names forwarders of an account.
type ForwarderRequest struct {
	Account   string   `json:"account,omitempty"` // name; empty: the only one there is besides the postmaster's
	Addresses []string `json:"addresses"`
	Kind      string   `json:"kind,omitempty"`   // list, forward; empty: list
	Domain    string   `json:"domain,omitempty"` // of the node that sends on; empty: that of each address
}

// ForwarderList lists forwarders of an account: all, or those that a request was about.
type ForwarderList struct {
	Document
	Account    string      `json:"account"`
	Forwarders []Forwarder `json:"forwarders"`
	// Untrusted are the domains, of those just named, for which nobody is trusted: what is sent on
	// from there counts as soon as somebody is.
	Untrusted []string `json:"untrusted,omitempty"`
}

// HostedList is a mailing list that this node hosts.
type HostedList struct {
	Document
	Address string    `json:"address"` // posting address, and name of the account that keeps what is posted
	Owner   string    `json:"owner"`   // gets the bounces
	Post    string    `json:"post"`    // who may: members, anyone
	Tag     string    `json:"tag,omitempty"`
	Footer  string    `json:"footer,omitempty"`
	PerHour int       `json:"per_hour"` // posts that are sent on; what is beyond is held
	Members int       `json:"members"`
	Since   time.Time `json:"since"`

	// LeftLists are the other lists off which a removed one was taken.
	LeftLists []string `json:"left_lists,omitempty"`
}

// HostedListRequest makes a hosted list or changes one. What is null stays as it is, or takes its
// default.
type HostedListRequest struct {
	Address string  `json:"address"`
	Owner   *string `json:"owner,omitempty"` // default: the postmaster
	Post    *string `json:"post,omitempty"`  // default: members
	Tag     *string `json:"tag,omitempty"`
	Footer  *string `json:"footer,omitempty"`
	PerHour *int    `json:"per_hour,omitempty"` // default: 60
}

// HostedLists lists the mailing lists that this node hosts.
type HostedLists struct {
	Document
	Lists []HostedList `json:"lists"`
}

// MembersRequest names members of a hosted list.
type MembersRequest struct {
	Address string   `json:"address"`
	Members []string `json:"members"`
}

// MemberList lists the members of a hosted list, or says how many of those named joined or left it.
type MemberList struct {
	Document
	Address string   `json:"address"`
	Total   int      `json:"total"`
	Changed int      `json:"changed"` // joined, or left
	Members []string `json:"members"` // all, domain by domain; empty in answer to a change
}
