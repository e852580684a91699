// Package grammar is the part of the mail formats in which mail programs agree.
//
// What a relay may re-pack without changing what its reader sees has to be read alike by every
// program there is. So each function here takes one element of a message (a header section, words,
// an address list, a date, a media type, a body in transfer encoding, a text in a charset, the
// parts of a multipart) and says what it means only if it is written in the plain form that leaves
// programs no choice; for all else it answers "not ok", which is no error: the caller then compares
// the octets instead. The rules are narrower than RFC 5322 and RFC 2045 to 2047 on purpose. Each
// closes a way in which programs were seen to differ.
//
// The package is pure: no I/O, no clock, no goroutines, no state; time and memory are linear in the
// input.
package grammar
