package api

import "time"

// Why somebody is kept out.
const (
	KeptBanned  = "banned"         // it failed too often: it is not listened to
	KeptSpammer = "likely spammer" // its large messages, or an account's mail, came too fast: none is taken from it
)

// Limited is what counts against one network or account at present.
type Limited struct {
	Prefix  string    `json:"prefix,omitempty"`  // an IPv4 /32 or /24, an IPv6 /64 or /48; empty: an account
	Account string    `json:"account,omitempty"` // that is held, or sends
	Kept    string    `json:"kept,omitempty"`    // banned, likely spammer; empty: neither
	Until   time.Time `json:"until,omitzero"`    // of what is kept out
	Times   int       `json:"times,omitempty"`   // that this followed on one another
	Next    string    `json:"next,omitempty"`    // the command that lets in again who is kept out

	// Of the rates that are configured, how many count yet.
	Connections int `json:"connections"`
	Messages    int `json:"messages"`
	Recipients  int `json:"recipients"`
	Failures    int `json:"failures"`            // by weight
	Large       int `json:"large"`               // large messages
	Strangers   int `json:"strangers,omitempty"` // recipients outside whom an account had never written to
}

// LimitList lists who is near a limit, the worst first.
type LimitList struct {
	Document
	Limits []Limited `json:"limits"`
	Total  int       `json:"total"` // with those that are not listed
}

// ForgiveRequest names a network or address, or an account.
type ForgiveRequest struct {
	Prefix  string `json:"prefix,omitempty"`
	Account string `json:"account,omitempty"`
}

// Forgiven tells what counted and does no longer.
type Forgiven struct {
	Document
	Forgiven []Limited `json:"forgiven"`
}
