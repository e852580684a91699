// Package recorder puts the mail of one node on the record. It follows the
// outbound queue, commits to the components of every waiting message, seals
// the commitments into micro-batches whose roots it signs, hands each queue
// entry its token, closes micro-batches into batches and brings those to the
// chain.
//
// Its signing state lives in the mail store and moves in the same transaction
// as the tokens it stands behind: no token leaves before the state that
// promises its place is durable, and no sequence number is signed twice. In a
// network with parameters of version 2 the numbers are those of an epoch, and
// each Recorder has one of its own: see epoch.go. A node that has given itself
// another recorder key brings to the chain what it signed with those before: see
// keys.go.
package recorder
