package membership

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	libp2p "github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/vectortest"
)

// inviteVector is an invite of the founder of the network in consensus/testdata/genesis.json.
type inviteVector struct {
	Network   string // network file
	GenesisID consensus.Hash
	OrgKey    consensus.Key
	Addresses []string
	Domains   []string
	Invite    string
}

func TestInviteVectors(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "consensus", "testdata", "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v inviteVector
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if raw, err = hex.DecodeString(v.Network); err != nil {
		t.Fatal(err)
	}
	g, err := consensus.DecodeGenesis(raw)
	if err != nil {
		t.Fatal(err)
	}
	founder := g.Block.Events[0].Enrol()
	pub, err := crypto.UnmarshalEd25519PublicKey(founder.Nodes[0].Node[:])
	if err != nil {
		t.Fatal(err)
	}
	id, err := libp2p.IDFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	suffix := "/p2p/" + id.String()
	i := &Invite{Genesis: g, OrgKey: founder.OrgKey, Domains: founder.Domains,
		Addresses: []string{"/ip4/192.0.2.1/tcp/4001" + suffix, "/dns4/node.example/tcp/4001" + suffix}}
	v.OrgKey, v.Addresses, v.Domains = i.OrgKey, i.Addresses, i.Domains
	if v.Invite, err = EncodeInvite(i); err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeInvite(v.Invite); err != nil {
		t.Error(err)
	} else if !reflect.DeepEqual(got, i) {
		t.Errorf("%+v came back as %+v", i, got)
	}
	vectortest.Check(t, "invite.json", v)
}
