package mailstore

import (
	"encoding/binary"
	"fmt"
)

// formatVersion is the layout of keys and values below and of what is stored for them. A store of
// an earlier version is brought up to it when it is opened (see ladder), one of a later version is
// not opened.
//
//	1  values as they are
//	2  values with a checksum, see seal; metaMigration
//	3  label sets know their changes, and the journal keeps what still counts, see Tx.supersede
const formatVersion = 3

// Every key begins with a byte that names its table. Numbers are big endian, so that they sort.
const (
	tableMeta     = 'M' // name -> see meta*
	tableAccount  = 'a' // account -> Account
	tableName     = 'n' // account name -> account
	tableAddress  = 'e' // canonical address -> account
	tableDoomed   = 'x' // account -> empty; removed account whose mail is still being removed
	tableLastID   = 'i' // account -> last message id given out
	tableMessage  = 'm' // account, message -> Message
	tableLabels   = 'l' // account, message -> labelRow
	tableCount    = 'c' // account, label -> number of messages
	tableBlob     = 'b' // SHA-256 -> raw bytes
	tableBlobUser = 'u' // SHA-256, user -> empty; a blob without users is removed with its last one
	tableJournal  = 'j' // modseq -> Change
	tableSetting  = 'o' // account, name -> text
	tableSpace    = 's' // space name, 0, key -> value
)

var (
	metaVersion     = []byte{tableMeta, 'v'} // uint32
	metaStoreID     = []byte{tableMeta, 's'} // 16 random bytes, made with the store
	metaModSeq      = []byte{tableMeta, 'm'} // uint64, last of the journal
	metaTrimmed     = []byte{tableMeta, 't'} // two uint64, see trimMark; none if the journal was never trimmed
	metaRestored    = []byte{tableMeta, 'r'} // two uint64: when the backup was made and restored, in ms; only in a restored store
	metaMigration   = []byte{tableMeta, 'c'} // uint32, key: from which format the store is on its way, and how far it came
	metaUpdates     = []byte{tableMeta, 'u'} // two uint64: how many updates were committed, and when the last one was, in ms; none in a store of 0.1.0
	metaLastAccount = []byte{tableMeta, 'a'} // uint32, last account id given out
)

func accountKey(table byte, a AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte{table}, uint32(a))
}

func messageKey(table byte, a AccountID, id MessageID) []byte {
	return binary.BigEndian.AppendUint64(accountKey(table, a), uint64(id))
}

func textKey(table byte, text string) []byte { return append([]byte{table}, text...) }

func countKey(a AccountID, label string) []byte { return append(accountKey(tableCount, a), label...) }

func blobKey(blob [32]byte) []byte { return append([]byte{tableBlob}, blob[:]...) }

// blobUserKey names one user of a blob: 'm' and the message's numbers, or 'h' and the name of a
// hold.
func blobUserKey(blob [32]byte, user []byte) []byte {
	return append(append([]byte{tableBlobUser}, blob[:]...), user...)
}

func messageUser(a AccountID, id MessageID) []byte { return messageKey('m', a, id) }

func holdUser(name string) []byte { return textKey('h', name) }

func journalKey(m ModSeq) []byte {
	return binary.BigEndian.AppendUint64([]byte{tableJournal}, uint64(m))
}

// spacePrefix returns the prefix of all keys of a space. Names end with a zero byte, so no space
// holds another's keys.
func spacePrefix(name string) ([]byte, error) {
	if err := CheckLabel(name); err != nil {
		return nil, fmt.Errorf("mailstore: space: %w", err)
	}
	return append(textKey(tableSpace, name), 0), nil
}
