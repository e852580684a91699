package p2p

import (
	"encoding/binary"

	"cairn/consensus"
)

// Limits of the messages on streams.
const (
	statusVersion = 1
	maxRecord     = 4 << 10 // bytes of one signed peer record
	maxStatus     = 2 + 4 + 32 + 32 + 8 + 32 + 2 + maxRecord

	maxLocator      = 64  // hashes in a locator
	maxWanted       = 16  // blocks asked for by id
	maxBlocks       = 500 // blocks in one answer
	maxBlocksBytes  = 1 << 20
	maxBlockFrame   = consensus.MaxBlockSize
	maxBlockRequest = 1 + 2 + 1 + maxLocator*32

	maxPeerRecords   = 64 // signed addresses in one answer
	peersRequestSize = 32 + 2

	maxPoolEvents  = 4 << 10  // org events named in one exchange
	maxPoolBatches = 16 << 10 // batches named in one exchange
	maxPoolList    = 2 + 2 + 32*(maxPoolEvents+maxPoolBatches)
	maxPoolItems   = 8 << 10 // items sent in one direction of one exchange
	maxPoolBytes   = 8 << 20
	maxItem        = 1 + maxEventSize
)

// status is what a node tells about itself.
//
//	version u16 | chain id u32 | genesis id 32 | tip id 32 | height u64 | work 32 | record length u16 | record
type status struct {
	Version uint16
	Chain   consensus.ChainID
	Genesis consensus.Hash
	Tip     consensus.Hash
	Height  uint64
	Work    consensus.Work
	Record  []byte // signed peer record of the sender, a libp2p envelope; may be empty
}

func (s *status) encode() []byte {
	b := make([]byte, 0, maxStatus-maxRecord+len(s.Record))
	b = binary.BigEndian.AppendUint16(b, s.Version)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Chain))
	b = append(b, s.Genesis[:]...)
	b = append(b, s.Tip[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Height)
	work := s.Work.Bytes()
	b = append(b, work[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.Record)))
	return append(b, s.Record...)
}

func decodeStatus(b []byte) (*status, error) {
	p := parser{b: b}
	s := &status{Version: p.uint16(), Chain: consensus.ChainID(p.uint32()), Genesis: p.hash(), Tip: p.hash(), Height: p.uint64()}
	s.Work = consensus.WorkFromBytes(p.hash())
	n := int(p.uint16())
	if n > maxRecord {
		p.fail("a peer record of %d bytes", n)
	}
	s.Record = p.take(n)
	return s, p.end()
}

// blockRequest asks for blocks: those after a locator, or those with the given ids.
//
//	kind u8 (1 after, 2 by id) | limit u16 | n u8 | n x 32
type blockRequest struct {
	Kind   uint8
	Limit  uint16
	Hashes []consensus.Hash
}

const (
	blocksAfter = 1
	blocksByID  = 2
)

func (r *blockRequest) encode() []byte {
	b := make([]byte, 0, maxBlockRequest)
	b = append(b, r.Kind)
	b = binary.BigEndian.AppendUint16(b, r.Limit)
	b = append(b, uint8(len(r.Hashes)))
	return appendHashes(b, r.Hashes)
}

func decodeBlockRequest(b []byte) (*blockRequest, error) {
	p := parser{b: b}
	r := &blockRequest{Kind: p.uint8(), Limit: p.uint16()}
	n := int(p.uint8())
	most := maxLocator
	if r.Kind == blocksByID {
		most = maxWanted
	} else if r.Kind != blocksAfter {
		p.fail("a request of kind %d", r.Kind)
	}
	if n == 0 || n > most {
		p.fail("%d hashes", n)
	}
	if r.Limit == 0 || r.Limit > maxBlocks {
		p.fail("a limit of %d blocks", r.Limit)
	}
	r.Hashes = p.hashes(n)
	return r, p.end()
}

// peersRequest asks for signed addresses: of one node, or, with a zero key, of any.
//
//	node key 32 | limit u16
type peersRequest struct {
	Node  consensus.Key
	Limit uint16
}

func (r *peersRequest) encode() []byte {
	b := append(make([]byte, 0, peersRequestSize), r.Node[:]...)
	return binary.BigEndian.AppendUint16(b, r.Limit)
}

func decodePeersRequest(b []byte) (*peersRequest, error) {
	p := parser{b: b}
	r := &peersRequest{Node: consensus.Key(p.hash()), Limit: p.uint16()}
	return r, p.end()
}

// poolList names org events and batches: those that a node has, or those that it wants.
//
//	events u16 | batches u16 | events x 32 | batches x 32
type poolList struct {
	Events  []consensus.Hash
	Batches []consensus.Hash
}

func (l *poolList) encode() []byte {
	b := make([]byte, 0, 4+32*(len(l.Events)+len(l.Batches)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Events)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Batches)))
	return appendHashes(appendHashes(b, l.Events), l.Batches)
}

func decodePoolList(b []byte) (*poolList, error) {
	p := parser{b: b}
	events, batches := int(p.uint16()), int(p.uint16())
	if events > maxPoolEvents || batches > maxPoolBatches {
		p.fail("%d events and %d batches", events, batches)
	}
	l := &poolList{Events: p.hashes(events), Batches: p.hashes(batches)}
	return l, p.end()
}

// Kinds of the items of a mempool exchange: the first byte of a frame, followed by the encoded
// event or batch.
const (
	itemEvent = 1
	itemBatch = 2
)
