package home

import (
	"path"
	"strconv"
)

// Files and folders of a node's directory, slash-separated. What else lies in it is the socket.
const (
	ConfigFile  = "cairn.toml"
	KeysDir     = "keys"
	NetworkFile = "network.cairn" // consensus.Genesis, encoded; its presence makes the node a member
	EnrolFile   = "enrol.cairn"   // our enrol event, encoded
	PinsFile    = "pins"          // whom we trusted for which domain when we joined
	PeersFile   = "peers"         // addresses from the invite
	KnownFile   = "known-peers"   // addresses of nodes that this one has reached since
	CopyFile    = "copy.json"     // that another process with these keys was found; in no backup
	MailDir     = "mail"          // the mail store
	IndexDir    = "index"         // the search index: built anew from the mail store
	ChainDir    = "chain"         // the chain: fetched again from other nodes
)

// Files in KeysDir.
const (
	RecorderKeyFile = "recorder.pem"
	NodeKeyFile     = "node.pem"
	OrgKeyFile      = "org.pem"
	RecoveryKeyFile = "recovery.pem" // until it is taken offline
)

// NextRecorderKey is the recorder key that is to follow, until the chain has it.
const NextRecorderKey = KeysDir + "/recorder-next.pem"

// OldRecorderPrefix begins the names of files in KeysDir with former recorder keys; behind it stands the height of the
// block that ended them.
const OldRecorderPrefix = "recorder-old-"

// OldRecorderKey is the file of a former recorder key.
func OldRecorderKey(until uint64) string {
	return KeysDir + "/" + OldRecorderPrefix + strconv.FormatUint(until, 10) + ".pem"
}

// OrgKey is the part of a backup that is in it only if that was asked for: whoever has this key is the organisation.
const OrgKey = KeysDir + "/" + OrgKeyFile

// RecoveryKey is in a backup like OrgKey, if it is in the directory still: it takes the organisation from whoever has that.
const RecoveryKey = KeysDir + "/" + RecoveryKeyFile

// part is one part of a backup.
type part struct {
	name string // of the file in the node's directory, or of the mail store's folder
	must bool   // without it there is no node
}

// parts are all that a backup may hold, in the order in which they stand in it. IndexDir and ChainDir are no parts:
// both are made again. The mail store comes last, since it takes the time.
var parts = []part{
	{ConfigFile, true},
	{path.Join(KeysDir, RecorderKeyFile), true},
	{path.Join(KeysDir, NodeKeyFile), true},
	{OrgKey, false},
	{RecoveryKey, false},
	{NetworkFile, false}, // a node that has joined no network has none of these
	{EnrolFile, false},
	{PinsFile, false},
	{PeersFile, false},
	{KnownFile, false},
	{MailDir, true},
}
