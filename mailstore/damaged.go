package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrDamaged is wrapped by each [DamagedError].
var ErrDamaged = errors.New("mailstore: stored value is damaged")

// DamagedError says that something which is stored is not what was stored: its checksum does not
// hold, it is empty, or what names it is there and it is not. What is not damaged can be read and
// written all the same.
type DamagedError struct {
	Dir     string    // of the store
	Table   Table     // what kind of value it is
	Account AccountID // of an account, of a message and what belongs to either; else 0
	Message MessageID // of a message and what belongs to it; else 0
	Blob    [32]byte  // of a blob and its users: its SHA-256
	Name    string    // a space and its key, a label, a setting, the name or address of an account; else empty
	Why     string    // what was found, in a few words

	key string // whose value it is
}

// Table names the tables of the store to people and programs.
type Table string

// The tables that damage may be in.
const (
	TableStore    Table = "store"    // what concerns the whole store
	TableAccount  Table = "account"  // accounts, their names, addresses and settings
	TableMessage  Table = "message"  // what is noted of a message
	TableLabels   Table = "labels"   // labels of a message
	TableCount    Table = "count"    // how many messages have a label
	TableBlob     Table = "text"     // raw bytes of a message
	TableBlobUser Table = "textuser" // who uses a blob
	TableJournal  Table = "journal"  // changes; Name is the number
	TableSpace    Table = "space"    // named maps; Name is map and key
)

// Error tells what is damaged, why, and what helps: who reads it in a log is to know which check.
func (e *DamagedError) Error() string {
	where, next := "", e.Cure()
	if e.Dir != "" {
		where = " in " + e.Dir
	}
	if next == cureAnew {
		next = "see that the disk is well, " + NextRepair
	}
	return fmt.Sprintf("mailstore: %s%s cannot be read as it was stored (%s): %s", e.What(), where, e.Why, next)
}

// Unwrap makes errors.Is(err, ErrDamaged) true.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// change is the number of a change that is damaged.
func (e *DamagedError) change() ModSeq {
	seq, _ := strconv.ParseUint(e.Name, 10, 64)
	return ModSeq(seq)
}

// What names what is damaged.
func (e *DamagedError) What() string {
	switch e.Table {
	case TableAccount:
		if e.Name != "" {
			return fmt.Sprintf("the entry %q of an account", e.Name)
		}
		return fmt.Sprintf("account %d", e.Account)
	case TableMessage:
		return fmt.Sprintf("message %d of account %d", e.Message, e.Account)
	case TableLabels:
		return fmt.Sprintf("the label set of message %d of account %d", e.Message, e.Account)
	case TableCount:
		return fmt.Sprintf("the count of %q of account %d", e.Name, e.Account)
	case TableBlob:
		return fmt.Sprintf("the text %x of a mail", e.Blob[:8])
	case TableBlobUser:
		return fmt.Sprintf("the note who uses the text %x", e.Blob[:8])
	case TableJournal:
		return "change " + e.Name + " of the journal"
	case TableSpace:
		return "the entry " + e.Name
	}
	return fmt.Sprintf("the entry %q of the store", e.Name)
}

// What helps where something is damaged while the node runs: a look at all of it, and where that is
// told to mend it, with repair.
const (
	NextCheck  = "stop the node, then: cairn check"
	NextRepair = NextCheck + " --repair"
)

// MendText is the command that puts back texts of mail that are damaged. A mail that comes in once
// more does not: each arrival has header fields of its own on top, and so is another text.
const MendText = "cairn check --repair --from BACKUP"

// cureAnew is the cure of what follows from the rest.
const cureAnew = "see that the disk is well; a check with repair makes it anew from what else is stored"

// Cure says what helps, as a part of a sentence.
func (e *DamagedError) Cure() string {
	switch e.Table {
	case TableBlob:
		return "see that the disk is well; a backup that has it puts it back, with the node stopped: " + MendText
	case TableLabels, TableCount, TableBlobUser, TableAccount, TableJournal:
		return cureAnew
	}
	return "see that the disk is well and restore a backup"
}

// Helps says what helps: repair is true if [Store.Check] with repair and the same maps mends it;
// else cure is a part of a sentence.
func (e *DamagedError) Helps(maps ...MapCheck) (repair bool, cure string) {
	c := &check{maps: maps}
	key := []byte(e.key)
	if len(key) == 0 {
		return false, e.Cure()
	}
	repair = key[0] == tableJournal || c.mendOf(key, e) != nil
	return repair, c.cureOf(key, e)
}

// damagedAt says that the value of a key is damaged.
func damagedAt(dir string, key []byte, why string) *DamagedError {
	e := &DamagedError{Dir: dir, Table: TableStore, Why: why, key: string(key)}
	if len(key) == 0 {
		return e
	}
	rest := key[1:]
	numbers := func() { // account, message
		if len(rest) >= 4 {
			e.Account = AccountID(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
		}
		if len(rest) == 8 {
			e.Message = MessageID(binary.BigEndian.Uint64(rest))
		}
	}
	switch key[0] {
	case tableAccount, tableLastID, tableDoomed:
		e.Table = TableAccount
		numbers()
	case tableName, tableAddress:
		e.Table, e.Name = TableAccount, string(rest)
	case tableSetting:
		e.Table = TableAccount
		e.Account, e.Name = labelled(rest)
	case tableMessage:
		e.Table = TableMessage
		numbers()
	case tableLabels:
		e.Table = TableLabels
		numbers()
	case tableCount:
		e.Table = TableCount
		e.Account, e.Name = labelled(rest)
	case tableBlob:
		e.Table = TableBlob
		copy(e.Blob[:], rest)
	case tableBlobUser:
		e.Table = TableBlobUser
		copy(e.Blob[:], rest)
	case tableJournal:
		e.Table = TableJournal
		if len(rest) == 8 {
			e.Name = fmt.Sprint(binary.BigEndian.Uint64(rest))
		}
	case tableSpace:
		e.Table = TableSpace
		e.Name = spaceEntry(rest)
		e.Account, e.Message = messageOfEntry(rest)
	default:
		e.Name = string(key)
	}
	return e
}

// labelled takes an account's number and a name apart.
func labelled(rest []byte) (AccountID, string) {
	if len(rest) < 4 {
		return 0, ""
	}
	return AccountID(binary.BigEndian.Uint32(rest)), string(rest[4:])
}

// spaceEntry writes the key of a space as people may read it.
func spaceEntry(rest []byte) string {
	space, key, ok := bytes.Cut(rest, []byte{0})
	if !ok {
		return fmt.Sprintf("%q of a space", readableKey(rest))
	}
	return fmt.Sprintf("%q of the space %s", readableKey(key), space)
}

// readableKey writes the key of an entry: text, or text with a number, the numbers of a message, or
// other octets behind it.
func readableKey(key []byte) string {
	text, rest := textBefore(key)
	switch len(rest) {
	case 0:
		return text
	case 4:
		return fmt.Sprintf("%s%d", text, binary.BigEndian.Uint32(rest))
	case 8:
		return fmt.Sprintf("%s%d", text, binary.BigEndian.Uint64(rest))
	case 12:
		return fmt.Sprintf("%s%d/%d", text, binary.BigEndian.Uint32(rest), binary.BigEndian.Uint64(rest[4:]))
	}
	return fmt.Sprintf("%s%x", text, rest)
}

// textBefore takes off a key what is text as a whole, or its text up to the last slash before other
// octets, or to these.
func textBefore(key []byte) (text string, rest []byte) {
	end := bytes.IndexFunc(key, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
	if end < 0 {
		return string(key), nil
	}
	at := bytes.LastIndexByte(key[:end], '/') + 1
	switch {
	case len(key)-at == 9:
		at++ // a letter and a number, as the queue has them
	case at == 0 && end > 3: // a name, and else octets that happen to be letters
		return string(key[:end]) + " ", key[end:]
	}
	return string(key[:at]), key[at:]
}

// messageOfEntry gives the message that an entry of a space is about, where its key says so by
// account and number, alone or behind a "/"; else 0.
func messageOfEntry(rest []byte) (AccountID, MessageID) {
	_, key, _ := bytes.Cut(rest, []byte{0})
	text, numbers := textBefore(key)
	if len(numbers) != 12 || text != "" && !strings.HasSuffix(text, "/") {
		return 0, 0
	}
	return AccountID(binary.BigEndian.Uint32(numbers)), MessageID(binary.BigEndian.Uint64(numbers[4:]))
}
