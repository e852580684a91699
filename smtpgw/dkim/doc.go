// Package dkim signs mail that leaves for servers that are no nodes (RFC 6376, RFC 8463), and knows
// which of a node's keys may sign.
//
// A Ring holds the keys and what the DNS was last seen to say of them; its methods are steps that
// take the time and the DNS's answers, and make another ring. A key signs only while its record is
// seen: mail without a signature fares better than mail with one that fails.
package dkim
