package p2p

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	"github.com/multiformats/go-multiaddr"

	"cairn/consensus"
	"cairn/consensus/vectortest"
)

// messageVectors are messages of each kind with their bytes. Network, events, batches and blocks
// are those of consensus/testdata.
type messageVectors struct {
	Status       []statusVector
	BlockRequest []blockRequestVector
	PeersRequest []peersRequestVector
	PoolList     []poolListVector
	CompactBlock []compactBlockVector
	Sighting     []sightingVector
}

type sightingVector struct {
	Seed           string // of the node's private key, RFC 8032, section 5.1.5
	Chain          consensus.ChainID
	Instance, Seen string
	Silent         bool
	Encoding       string
}

type statusVector struct {
	status
	Record   string        // in place of the bytes of the same name
	Signed   *recordVector // what the record says; null if there is none
	Encoding string
}

type recordVector struct {
	Seed      string // of the node's private key, RFC 8032, section 5.1.5
	Peer      peer.ID
	Seq       uint64
	Addresses []string
}

type blockRequestVector struct {
	blockRequest
	Encoding string
}

type peersRequestVector struct {
	peersRequest
	Encoding string
}

type poolListVector struct {
	poolList
	Encoding string
}

type compactBlockVector struct {
	compactBlock
	ID       consensus.Hash
	Batches  []consensus.Hash // IDs, which are not in the message
	Short    []string         // in place of the numbers of the same name
	Encoding string
}

// encoded returns the bytes of v in hexadecimal, after they were decoded to v again.
func encoded[T interface{ encode() []byte }](t *testing.T, v T, decode func([]byte) (T, error)) string {
	t.Helper()
	b := v.encode()
	if got, err := decode(b); err != nil {
		t.Errorf("%x: %v", b, err)
	} else if !reflect.DeepEqual(got, v) {
		t.Errorf("%x was decoded to\n%+v\nnot to\n%+v", b, got, v)
	}
	return hex.EncodeToString(b)
}

func TestMessageVectors(t *testing.T) {
	var net struct {
		GenesisID consensus.Hash
		ChainID   consensus.ChainID
		IDs       []consensus.Hash
		Work      []consensus.Work
		Blocks    []string
	}
	var events, batches []struct{ ID consensus.Hash }
	readVectors(t, "genesis.json", &net)
	readVectors(t, "event.json", &events)
	readVectors(t, "batch.json", &batches)
	down := []consensus.Hash{net.IDs[1], net.IDs[0], net.GenesisID} // a locator at the tip
	seed := sha256.Sum256([]byte("consensus test key beta node"))   // a member of the network, see its first block
	envelope, signed := signedRecord(t, seed[:])

	var v messageVectors
	for _, s := range []status{
		{Version: statusVersion, Chain: net.ChainID, Genesis: net.GenesisID, Tip: net.IDs[1], Height: 2, Work: net.Work[1], Record: envelope},
		{Version: statusVersion, Chain: net.ChainID, Genesis: net.GenesisID, Tip: net.IDs[0], Height: 1, Work: net.Work[0], Record: []byte{}},
	} {
		made := statusVector{status: s, Record: hex.EncodeToString(s.Record), Encoding: encoded(t, &s, decodeStatus)}
		if len(s.Record) > 0 {
			made.Signed = signed
		}
		v.Status = append(v.Status, made)
	}
	for _, r := range []blockRequest{
		{Kind: blocksAfter, Limit: maxBlocks, Hashes: down},
		{Kind: blocksByID, Limit: 1, Hashes: net.IDs[1:]},
	} {
		v.BlockRequest = append(v.BlockRequest, blockRequestVector{r, encoded(t, &r, decodeBlockRequest)})
	}
	key := consensus.Key(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	for _, r := range []peersRequest{{Node: key, Limit: 1}, {Limit: maxPeerRecords}} {
		v.PeersRequest = append(v.PeersRequest, peersRequestVector{r, encoded(t, &r, decodePeersRequest)})
	}
	for _, l := range []poolList{
		{Events: []consensus.Hash{events[0].ID}, Batches: []consensus.Hash{batches[0].ID, batches[1].ID}},
		{},
	} {
		v.PoolList = append(v.PoolList, poolListVector{l, encoded(t, &l, decodePoolList)})
	}
	for _, text := range net.Blocks {
		v.CompactBlock = append(v.CompactBlock, compactVectors(t, text)...)
	}
	for _, s := range []sighting{{Instance: Instance{1, 2}}, {Instance: Instance{3}, Seen: Instance{1, 2}, Silent: true}} {
		copy(s.Sig[:], ed25519.Sign(ed25519.NewKeyFromSeed(seed[:]), s.signedBytes(net.ChainID)))
		v.Sighting = append(v.Sighting, sightingVector{hex.EncodeToString(seed[:]), net.ChainID, s.Instance.String(), s.Seen.String(), s.Silent,
			encoded(t, &s, decodeSighting)})
	}
	vectortest.Check(t, "messages.json", v)
}

// compactVectors are both forms of the block whose bytes text is in hexadecimal.
func compactVectors(t *testing.T, text string) []compactBlockVector {
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := consensus.DecodeBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	whole := newCompactBlock(b)
	made := compactBlockVector{compactBlock: *whole, ID: b.ID(), Encoding: encoded(t, whole, decodeCompactBlock)}
	for i := range b.Batches {
		batch := b.Batches[i].ID()
		// The short id, from its definition and nothing else.
		sum := sha256.Sum256(append(bytes.Clone(made.ID[:]), batch[:]...))
		short := hex.EncodeToString(sum[:8])
		if got := fmt.Sprintf("%016x", whole.Short[i]); got != short {
			t.Errorf("short id %s, want %s", got, short)
		}
		made.Batches, made.Short = append(made.Batches, batch), append(made.Short, short)
	}
	head := &compactBlock{Header: b.Header, HeaderOnly: true}
	return []compactBlockVector{made, {compactBlock: *head, ID: made.ID, Encoding: encoded(t, head, decodeCompactBlock)}}
}

// signedRecord is the peer record of the node with that seed, and what it says.
func signedRecord(t *testing.T, seed []byte) ([]byte, *recordVector) {
	priv, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	v := &recordVector{Seed: hex.EncodeToString(seed), Peer: id, Seq: 1_800_000_000_000,
		Addresses: []string{"/ip4/192.0.2.1/tcp/4001", "/dns4/node.example/tcp/4001"}}
	rec := &peer.PeerRecord{PeerID: id, Seq: v.Seq}
	for _, a := range v.Addresses {
		rec.Addrs = append(rec.Addrs, multiaddr.StringCast(a))
	}
	envelope, err := record.Seal(rec, priv)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw, v
}

func readVectors(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "consensus", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
