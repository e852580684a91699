// Package mempool keeps what is not in a block yet: batches and org events that
// came from this node's recorder or from peers, until a block has them.
//
// What is taken in has been checked against the rules of package consensus, so
// that it can be relayed and mined. How much of it is kept, for whom, and which
// enrolments are not helped along is this node's own taste: it is in policy.go
// and never makes a block invalid.
//
// A [Pool] lives in memory only. Recorders offer again what did not make it
// into a block, and blocks that a reorganisation takes off the chain give their
// content back ([Pool.Advance]; [Pool.Follow] does that for a chain).
package mempool
