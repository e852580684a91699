// Package message turns the bytes of a mail into what people and records look at: decoded parts for
// listing and search (Parse), and the components that a record commits to (Dissect).
//
// Components answer one question: did the reader get what the author sent? Some hold octets, so
// that nothing is uncovered (octets, mime, fields); the others hold canonical content of what all
// mail programs read alike, by the rules of package grammar, so that a relay which refolds headers,
// changes a transfer encoding or re-encodes a word leaves them as they were, while one that changes
// a word, a link or an address does not. What lies outside of the grammar counts by its octets
// alone. Records of version 1 knew one lenient reading only; version1.go keeps it for them.
//
// Foreign bytes never make this package fail. Malformed mail yields what can be read of it, the
// same on every node and at every time, in time and memory linear in the input. The package does no
// I/O, reads no clock and starts no goroutine.
package message
