package mailstore

import (
	"errors"
	"time"

	"cairn/mailstore/diskroom"
)

// AccountID names one account of this store. Numbers begin at 1 and are never used again.
type AccountID uint32

// MessageID names one message within its account. It begins at 1, grows with every message added
// and is never used again, so a greater number came later.
type MessageID uint64

// ModSeq numbers the changes of the whole store, from 1, without gaps. Not all of them are kept,
// see [Reader.ChangesSince].
type ModSeq uint64

// Account is one person's or role's mailbox.
type Account struct {
	ID        AccountID
	Name      string   // unique without regard to case, but in stores that had others before that
	Addresses []string // canonical (see [CanonicalAddress]), sorted; each belongs to one account only
}

// Message is what never changes about a stored message. Labels are kept apart, see [Reader.Labels].
type Message struct {
	Account    AccountID
	ID         MessageID
	Blob       [32]byte  // SHA-256 of the raw bytes
	Size       int64     // of the raw bytes
	Received   time.Time // UTC, whole milliseconds
	From       string    // envelope sender, empty for the null sender
	Recipients []string  // envelope recipients
	Outgoing   bool      // a copy of mail that this account sent
}

// ChangeKind tells what happened to a message.
type ChangeKind uint8

// The kinds of change.
const (
	ChangeAdded   ChangeKind = 1 // the message is new; Labels are those it came with, or empty if a later change tells of others
	ChangeLabels  ChangeKind = 2 // its labels changed; Labels are those after that
	ChangeRemoved ChangeKind = 3 // it is gone, of message 0 of account 0 nothing; Labels is empty

	// changeSuperseded stands in the place of a change that a later one of the same message
	// superseded; it has no labels, and readers do not see it.
	changeSuperseded ChangeKind = 4
	// changeArrived is a ChangeAdded of a message whose labels a later change tells: it has none.
	changeArrived ChangeKind = 5
)

// String names the kind in one word.
func (k ChangeKind) String() string {
	switch k {
	case ChangeAdded:
		return "added"
	case ChangeLabels:
		return "labels"
	case ChangeRemoved:
		return "removed"
	}
	return "unknown"
}

// Change is one entry of the journal.
type Change struct {
	ModSeq  ModSeq
	Kind    ChangeKind
	Account AccountID
	Message MessageID
	Labels  []string // after the change, sorted
}

// Errors that callers decide on with errors.Is.
var (
	// ErrNotFound: no such account, message, blob or key.
	ErrNotFound = errors.New("mailstore: not found")
	// ErrExists: the account name or an address is taken.
	ErrExists = errors.New("mailstore: already exists")
	// ErrInUse: another process has the store open.
	ErrInUse = errors.New("mailstore: another process has the store open")
	// ErrUnknownModSeq: the cursor is ahead of the journal, so it belongs to another store or to a
	// later state of this one. The follower starts over from 0.
	ErrUnknownModSeq = errors.New("mailstore: modseq is ahead of the journal")
	// ErrTooBig: one Update wrote more small values than one transaction holds. Nothing of it was
	// kept; write less at a time. Large values do not count: a 25 MB message fits.
	ErrTooBig = errors.New("mailstore: update is too big for one transaction")
	// ErrDiskFull: too little room is left on the volume. Nothing was written; Update works again
	// once there is room.
	ErrDiskFull = diskroom.ErrFull
	// ErrBroken: an earlier commit failed, so the store takes no more writes until it is opened
	// again.
	ErrBroken = errors.New("mailstore: store stopped after a failed write")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("mailstore: store is closed")
	// ErrTxDone: a Tx or Reader was used after the function it was given to had returned.
	ErrTxDone = errors.New("mailstore: transaction is over")
)
