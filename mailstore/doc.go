// Package mailstore keeps what a node must not lose: accounts, messages, their labels, the journal
// of changes to them, and the named maps in which the queue, the recorder and the verifier keep
// their own durable state.
//
// Everything is written through [Store.Update]. One committer goroutine gathers the writers that
// are waiting, runs them one after another and makes them durable in one synced transaction, so
// that the price of an fsync is shared. Update returns nil only when the disk has the writes.
//
// Readers see a snapshot ([Store.View]). Followers (the index, the history of correspondents) read
// the journal with [Reader.ChangesSince] from a cursor they keep themselves; [Store.Subscribe] only
// tells them to look again. What all of them have seen and nobody needs any more is trimmed
// ([Store.Trim]).
//
// No type of the underlying database appears in this API.
package mailstore
