// Package message turns the bytes of a mail into what people and records look at: decoded parts for listing and search (Parse), and the
// components that a record commits to (Components).
//
// Components answer one question: did the reader get what the author sent? So they hold canonical content, not bytes. A relay that refolds
// headers, changes a transfer encoding, transcodes a charset, turns LF into CRLF, re-encodes a word or drops trailing white space leaves every
// component as it was; one that changes a word, a link or an address does not.
//
// Foreign bytes never make this package fail. Malformed mail yields what can be read of it, the same on every node and at every time, in time
// and memory linear in the input. The package does no I/O, reads no clock and starts no goroutine.
//
// Header blocks and charsets are read by go-message and x/text. Media types, boundary lines, base64, quoted-printable and encoded words are
// read here, because the readers of those libraries stop at the first malformed byte: content behind it would be shown by mail programs but
// covered by no record. What mail programs read differently, and no other component tells, is the component Structure.
package message
