// Package record says what a record proves about a mail.
//
// The sender's node commits to the components of a message, one salted commitment each, and hashes
// them into a leaf; leaves of a micro-batch form a Merkle tree whose signed root goes onto the
// chain. The token in the mail's header carries all that a recipient needs to find and check the
// record. Compare lays the token beside the message that arrived and says per component: same,
// changed (and by what, if an honest relay explains it), absent or extra. Judge turns that and what
// is known of the chain into a verdict.
//
// The package is pure: no I/O, no clock, no goroutines, no state.
package record
