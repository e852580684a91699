// Package dmarc says whether a message is from the domain that its From field names, and what that
// domain wants done with messages that are not (RFC 9989). The organisational domain is found by
// the tree walk. The list of public suffixes only keeps a suffix from being one: a registry that
// publishes a record without psd=y would else make relatives of all that is registered there.
package dmarc
