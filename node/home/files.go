package home

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	CrashFile   = "crash.txt"     // what the Go runtime says should the node end by a fault; in no backup
	MailDir     = "mail"          // the mail store
	MailHead    = "mail.head"     // how far the mail store was, to see whether some of it is lost; in no backup
	IndexDir    = "index"         // the search index: built anew from the mail store
	ChainDir    = "chain"         // the chain: fetched again from other nodes
	DamagedEnd  = ".damaged"      // behind the chain's folder: one that was damaged and put aside
)

// Files in KeysDir.
const (
	RecorderKeyFile = "recorder.pem"
	NodeKeyFile     = "node.pem"
	OrgKeyFile      = "org.pem"
	RecoveryKeyFile = "recovery.pem" // until it is taken offline
)

// CertificateFile is the certificate that the node makes for itself, with its key; in no backup.
const CertificateFile = KeysDir + "/tls.pem"

// NextRecorderKey is the recorder key that is to follow, until the chain has it.
const NextRecorderKey = KeysDir + "/recorder-next.pem"

// OldRecorderPrefix begins the names of files in KeysDir with former recorder keys.
const OldRecorderPrefix = "recorder-old-"

// OldKey is the name in KeysDir of a file with a former key. Behind the prefix stands the block
// that was known to end the key when it was put there, or a later one: a number that keeps them
// apart.
func OldKey(prefix string, until uint64) string {
	return prefix + strconv.FormatUint(until, 10) + ".pem"
}

// OldRecorderKey is the file of a former recorder key.
func OldRecorderKey(until uint64) string { return KeysDir + "/" + OldKey(OldRecorderPrefix, until) }

// DKIMKeys are the keys that sign mail to the rest of the world: one JSON document.
const DKIMKeys = KeysDir + "/dkim.json"

// ACMEFile has the keys of the account at a certificate authority and of what that certified, with
// the certificates: one JSON document.
const ACMEFile = KeysDir + "/acme.json"

// TLSKeys has the keys that are to come after those of certificates, and the records of those that
// they came after: one JSON document.
const TLSKeys = KeysDir + "/tls-next.json"

// OrgKey is the part of a backup that is in it only if that was asked for: whoever has this key is
// the organisation.
const OrgKey = KeysDir + "/" + OrgKeyFile

// RecoveryKey is in a backup like OrgKey, if it is in the directory still: it takes the
// organisation from whoever has that.
const RecoveryKey = KeysDir + "/" + RecoveryKeyFile

// part is one part of a backup.
type part struct {
	name string // of the file in the node's directory, or of the mail store's folder
	must bool   // without it there is no node
	many bool   // it is one for each former recorder key, by their numbers
}

// parts are all that a backup may hold, in the order in which they stand in it. IndexDir and
// ChainDir are no parts: both are made again. The mail store comes last, since it takes the time.
var parts = []part{
	{name: ConfigFile, must: true},
	{name: path.Join(KeysDir, RecorderKeyFile), must: true},
	{name: path.Join(KeysDir, NodeKeyFile), must: true},
	{name: NextRecorderKey},
	{name: OldRecorderPrefix, many: true},
	{name: DKIMKeys},
	{name: ACMEFile},
	{name: TLSKeys},
	{name: OrgKey},
	{name: RecoveryKey},
	{name: NetworkFile}, // a node that has joined no network has none of these
	{name: EnrolFile},
	{name: PinsFile},
	{name: PeersFile},
	{name: KnownFile},
	{name: MailDir, must: true},
}

// oldKey reads the number in the name of a former key's file.
func oldKey(prefix, name string) (until uint64, ok bool) {
	until, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(name, prefix), ".pem"), 10, 64)
	return until, err == nil && name == OldKey(prefix, until)
}

// OldKeys lists the numbers of the files with former keys in the node's directory dir, in order.
func OldKeys(dir, prefix string) (list []uint64, err error) {
	files, err := os.ReadDir(filepath.Join(dir, KeysDir))
	for _, f := range files {
		if until, ok := oldKey(prefix, f.Name()); ok {
			list = append(list, until)
		}
	}
	slices.Sort(list)
	return list, err
}

// partsOf are the parts that a backup of the node in dir may hold.
func partsOf(dir string) (list []part, err error) {
	for _, p := range parts {
		if !p.many {
			list = append(list, p)
			continue
		}
		old, err := OldKeys(dir, p.name)
		if err != nil {
			return nil, err
		}
		for _, until := range old {
			list = append(list, part{name: OldRecorderKey(until)})
		}
	}
	return list, nil
}
