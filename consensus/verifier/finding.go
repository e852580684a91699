package verifier

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// space is the verifier's durable map in the mail store:
//
//	format                                the number of this layout, see formatVersion
//	cursor                                chain.Index, JSON: how far the chain was followed
//	journal                               mailstore.ModSeq, JSON: how far the store's journal was
//	message/<account><message>            Finding, JSON
//	batch/<batch><account><message>       empty: whose verdict a batch decides
//	domain/<domain>NUL<account><message>  empty: mail with a token from that domain, and what came without one while its DNS was silent
//	via/<domain>NUL<account><message>     empty: mail that was sent on as that domain
//	org/<org><pinned><account><message>   empty: mail that org recorded, judged while it was pinned (1) or not (0)
//	watch/<height><account><message>      empty: in no block; late or given up at that height
//	place/<batch>                         placement: where that batch stands on the chain
//	due/<prefix>                          task: the findings of all keys with that prefix are out of date
//	accepted/<record><recipient>          acceptance, JSON: who brought it first
//	accepted/<record><recipient>NUL<domain>  the same of what that known forwarder sent on
//	accepted/<record><recipient>NUL?      the same of what whoever else sent on
//	accepted/<record><recipient>NUL!      the same of a copy of what is for somebody else
//	ask/<domain>                          empty: its DNS did not answer when mail from there was judged
//	gone/<unix ms><record><recipient>     empty: acceptances of removed mail, and until when they count
//
// A batch is named by recorder key, epoch (where there are any) and seq, see
// appendNumber. Numbers in keys are big-endian, so that scans run in order.
const space = "verifier"

const (
	keyCursor  = "cursor"
	keyJournal = "journal"

	prefixMessage  = "message/"
	prefixBatch    = "batch/"
	prefixDomain   = "domain/"
	prefixVia      = "via/"
	prefixOrg      = "org/"
	prefixWatch    = "watch/"
	prefixPlace    = "place/"
	prefixDue      = "due/"
	prefixAccepted = "accepted/"
	prefixAsk      = "ask/"
	prefixGone     = "gone/"
	prefixAge      = "age/" // of an index that earlier versions kept
)

// Finding is what is known about one message and its record. It is kept with
// a stored message as long as that lives; the parts that the chain or the
// trust list decide are revised in place.
type Finding struct {
	Verdict record.Verdict `json:"verdict"`
	Reasons []string       `json:"reasons"`
	Facts   record.Facts   `json:"facts"`

	From string `json:"from,omitempty"` // first address in the From field
	// Domains are those of all addresses in From, sorted; "" stands for an
	// address without one.
	Domains   []string `json:"domains,omitempty"`
	TrustedBy string   `json:"trusted_by,omitempty"` // on whose word the org speaks for Domains
	// Unanswered: the DNS of one of Domains did not answer; it is asked again.
	Unanswered bool `json:"unanswered,omitempty"`
	// Asked: it came without a record while the DNS of one of Domains was silent, brought by a node
	// of Courier, zero if that is not known. Other mail without a record is not judged anew.
	Asked   bool           `json:"asked,omitempty"`
	Courier consensus.Hash `json:"courier,omitzero"`

	// Of the token; zero without one.
	Record   consensus.Hash      `json:"record,omitzero"`
	Recorder consensus.Key       `json:"recorder,omitzero"`
	Epoch    uint64              `json:"epoch,omitempty"`
	Seq      uint64              `json:"seq,omitempty"`
	Micro    uint16              `json:"micro,omitempty"`
	Root     consensus.MicroRoot `json:"root,omitzero"`
	Time     uint64              `json:"time,omitempty"` // in the record, unix ms
	Org      consensus.Hash      `json:"org,omitzero"`   // zero: nobody enrolled the key
	// Node had the recorder key when that was last an organisation's; zero: it never was.
	Node consensus.Key `json:"node,omitzero"`
	// OrgEvent is the last event in the entry of Org that was judged by; zero where entries do not
	// change.
	OrgEvent consensus.Hash `json:"org_event,omitzero"`
	Block    chain.Index    `json:"block,omitzero"` // zero: in none
	// Deadline is the height at which a record that is in no block by then
	// is late or, if it is late already, stops being awaited.
	Deadline uint64 `json:"deadline,omitempty"`
	Late     bool   `json:"late,omitempty"`
	Arrived  uint64 `json:"arrived,omitempty"` // unix ms; zero: not stored
	// Onward is there of mail that known forwarders sent on.
	Onward *onward `json:"onward,omitempty"`
	// Lost: it stands in the place of one that was damaged. Nothing is known but Deadline
	// and Late, if the record was watched for.
	Lost bool `json:"lost,omitempty"`
}

func messageKey(r mailstore.Ref) []byte { return r.Append([]byte(prefixMessage)) }

func batchPrefix(series consensus.Series, seq uint64) []byte {
	return appendNumber([]byte(prefixBatch), series, seq)
}

// series is the one that the batch with f's record is of.
func (f *Finding) series() consensus.Series {
	return consensus.Series{Recorder: f.Recorder, Epoch: f.Epoch}
}

// recorderPrefix begins the keys of all mail with tokens of one recorder key.
func recorderPrefix(recorder consensus.Key) []byte {
	return append([]byte(prefixBatch), recorder[:]...)
}

func domainPrefix(domain string) []byte { return append([]byte(prefixDomain), domain+"\x00"...) }

// maxDomains bounds what one message with many authors puts into the index.
const maxDomains = 16

// domainKeys index f's message by the domains in its From that somebody can
// enrol.
func (f *Finding) domainKeys(ref mailstore.Ref) [][]byte {
	var keys [][]byte
	for _, domain := range f.Domains {
		if consensus.ValidDomain(domain) {
			keys = append(keys, ref.Append(domainPrefix(domain)))
		}
	}
	return keys
}

func viaPrefix(domain string) []byte { return append([]byte(prefixVia), domain+"\x00"...) }

// orgPrefix begins the keys of all mail that an organisation recorded, as it was judged while one
// of its keys was pinned, or while none was.
func orgPrefix(org consensus.Hash, pinned bool) []byte {
	key := append([]byte(prefixOrg), org[:]...)
	if pinned {
		return append(key, 1)
	}
	return append(key, 0)
}

// trustKeys index f's message by the trust that its verdict stands on, other than in the domains of
// its From.
func (f *Finding) trustKeys(ref mailstore.Ref) [][]byte {
	var keys [][]byte
	if !f.Org.IsZero() {
		keys = append(keys, ref.Append(orgPrefix(f.Org, f.Facts.OrgPinned)))
	}
	if f.Onward != nil {
		for _, h := range f.Onward.By {
			keys = append(keys, ref.Append(viaPrefix(h.Domain)))
		}
	}
	return keys
}

// putKeys puts keys of an index, which have no values.
func putKeys(sp mailstore.Space, keys [][]byte) error {
	for _, key := range keys {
		if err := sp.Put(key, nil); err != nil {
			return err
		}
	}
	return nil
}

func watchPrefix(height uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefixWatch), height)
}

// watchedFor is the height in a key that watchPrefix begins; ok is false of any other.
func watchedFor(key []byte) (height uint64, ok bool) {
	rest, ok := bytes.CutPrefix(key, []byte(prefixWatch))
	if !ok || len(rest) != 8+mailstore.RefSize {
		return 0, false
	}
	return binary.BigEndian.Uint64(rest), true
}

// Of reads the living finding about a stored message. It returns
// mailstore.ErrNotFound for mail that did not arrive from anywhere.
func Of(rd *mailstore.Reader, ref mailstore.Ref) (*Finding, error) {
	b, err := rd.Space(space).Get(messageKey(ref))
	if err != nil {
		return nil, err
	}
	f := new(Finding)
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("stored finding: %w", err)
	}
	return f, nil
}

// scanKeys lists up to so many keys with a prefix, not below from. Their values, which say nothing
// or are not needed, may be damaged.
func scanKeys(sp mailstore.SpaceReader, prefix, from []byte, most int) ([][]byte, error) {
	var keys [][]byte
	err := sp.Keys(prefix, from, func(key []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < most
	})
	return keys, err
}
