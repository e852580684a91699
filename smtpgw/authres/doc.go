// Package authres writes the Authentication-Results field (RFC 8601) of mail
// that arrives, and recognises foreign copies that pretend to be ours.
package authres
