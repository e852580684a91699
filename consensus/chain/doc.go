// Package chain keeps the block chain of one network on disk and decides which
// branch of it counts.
//
// A [Manager] takes blocks in any order in which parents come before children
// ([Manager.AddBlock]), validates them with package consensus, and keeps three
// things: the blocks of the best branch and some beside it, the state after the
// tip of the best branch, and for each block of the best branch what it takes to
// undo it. The best branch is the one with most work; of branches with equal
// work the one seen first stays.
//
// # Beside the best branch
//
// A block beside the best branch is kept if its branch leaves that at most 32 blocks below the tip,
// or is known to have more work: a [Branch] finds that out by headlines, which show proof of work
// and that members made them, before any body is asked for. It is stored when all holds that takes
// no batch before it (consensus.CheckBlock, consensus.ValidateMembers). Of the former kind 128
// blocks and 16 MiB are kept, of the miners of one organisation a quarter of each; the branch with
// least work goes first, and what has no more than that is not taken ([ErrNotWanted]). Those that
// the last reorganisation left behind are held to this 1,000 blocks later, also after a restart, so
// that followers find the way back from them.
//
// The chain is a log that others follow. A follower stores the index of the
// block it has dealt with last, asks [Manager.UpdatesSince] for what to revert
// and then what to apply, and commits its new cursor together with its results.
// [Manager.Subscribe] only says that it is worth looking again.
//
// # Store
//
// A [Store] is a map of octets: a Badger database ([OnDisk]), or memory that is lost
// with the process ([InMemory]). Integers are big endian.
//
//	m format         u32, see format.go; without it the store was written by version 0.1.0
//	m network        genesis id (32)
//	m tip            id (32) of the last block of the best branch
//	m target         id (32) of the block a reorganisation is on its way to; absent else
//	m left           height u64 up to which what the last reorganisation left is spared, and the id (32) of
//	                 the tip that it left; absent before the first
//	m garbage        bytes u64 of large values that were deleted, see collect.go
//	b <id>           block, encoded
//	n <id>           parent id (32), header state after the block, encoded
//	u <id>           undo of the block, encoded; best branch only, none for genesis
//	i <height u64>   id (32) of the best branch's block at that height
//	s <id>           entry of a block beside the best branch, see sideBlock
//	o <org id>       member entry, encoded: the state after the tip
//	t <recorder key> last batch of that key, encoded: the state after the tip; with parameters of
//	                 version 2 the epoch u64 stands behind the key
//	p <number u32>   former member entry, encoded, from 0 in the order in which they ended
//
// One extension of the best branch is one transaction. A reorganisation is first
// validated wholly in memory, then written as one transaction, or as several
// when it is too large for that: each of them ends on a block boundary and
// records the target, so that [Open] finishes what a killed process had begun.
// The database is opened without fsync per write: writes of a killed process
// are safe, and what a machine that lost power had written last is fetched
// again from peers.
//
// # What is not stored
//
// A block from the future (consensus.ErrFuture), one whose parent is unknown
// ([ErrUnknownParent]), one that is not wanted ([ErrNotWanted]) and one that breaks
// a rule leave no trace. In particular no header hash is remembered as bad:
// signatures are not part of it, so the same header may come again with a good one.
package chain
