// Package keyring knows which of a node's DKIM keys may sign (RFC 6376, RFC 8463), and signs by
// them what leaves for servers that are no nodes.
//
// A Ring holds the keys and what the DNS was last seen to say of them; its methods are steps that
// take the time and the DNS's answers, and make another ring. A key signs only while its record is
// seen: mail without a signature fares better than mail with one that fails.
package keyring
