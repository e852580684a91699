package membership

import (
	"bytes"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

const peer = "/ip4/127.0.0.1/tcp/4801/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

// inviteFrom is an invite of a network's founder, with the network as a file has it.
func inviteFrom(t *testing.T, net *chaintest.Network, domains ...string) *Invite {
	t.Helper()
	g, err := consensus.DecodeGenesis(net.Genesis.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return &Invite{Genesis: g, Addresses: []string{peer}, OrgKey: consensus.PublicKey(net.Orgs[0].Key), Domains: domains}
}

func TestInviteRoundTrip(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 1)
	i := inviteFrom(t, net, "alpha.example", "xn--bcher-kva.example")
	s, err := EncodeInvite(i)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s, "cairn1:") || len(s) > 2000 {
		t.Errorf("%d characters: %s", len(s), s)
	}
	folded := " " + s[:60] + "\r\n  " + s[60:] + "\n"
	for _, text := range []string{s, folded} {
		got, err := DecodeInvite(text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, i) {
			t.Errorf("%+v came back as %+v", i, got)
		}
	}
}

// sealed gives body a right checksum, as somebody would who made an invite on purpose.
func sealed(body []byte) string {
	return invitePrefix + base64.RawURLEncoding.EncodeToString(append(body, checksum(invitePurpose, body)...))
}

func TestBadInvites(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 1)
	good, err := EncodeInvite(inviteFrom(t, net, "alpha.example"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, invitePrefix))
	if err != nil {
		t.Fatal(err)
	}
	body := raw[:len(raw)-inviteChecksum]
	changed := func(at int, b byte) []byte {
		c := append([]byte(nil), body...)
		c[at] = b
		return c
	}
	tests := map[string]string{
		"empty":            "",
		"prefix alone":     invitePrefix,
		"other prefix":     "cairn2:" + good[7:],
		"no base64":        good[:50] + "!" + good[51:],
		"a letter changed": good[:50] + string(rune(good[50]^1)) + good[51:],
		"cut off":          good[:len(good)-10],
		"longer":           good + "AAAA",
		"huge":             invitePrefix + strings.Repeat("A", 1<<20),
		"trailing byte":    sealed(append(append([]byte(nil), body...), 0)),
		"size too large":   sealed(changed(0, 0xff)),
		"size too small":   sealed(changed(3, body[3]-1)),
		"network damaged":  sealed(changed(40, body[40]^1)),
		"domain damaged":   sealed(changed(len(body)-1, '@')),
		"nothing in it":    sealed(make([]byte, 4)),
		"no addresses":     sealed(append(append([]byte(nil), body[:4+len(net.Genesis.Encode())+32]...), 0, 0)),
	}
	for name, s := range tests {
		if i, err := DecodeInvite(s); err == nil {
			t.Errorf("%s: taken as %+v", name, i)
		} else if !strings.HasPrefix(err.Error(), "reading the invite: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncodeInviteMakesNoneThatCannotBeRead(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 1)
	for name, change := range map[string]func(*Invite){
		"no address":       func(i *Invite) { i.Addresses = nil },
		"17 addresses":     func(i *Invite) { i.Addresses = make([]string, 17) },
		"no peer":          func(i *Invite) { i.Addresses = []string{"/ip4/10.0.0.1/tcp/1"} },
		"long address":     func(i *Invite) { i.Addresses = []string{"/dns/" + strings.Repeat("x", 250) + "/tcp/1"} },
		"no domain":        func(i *Invite) { i.Domains = nil },
		"domain twice":     func(i *Invite) { i.Domains = []string{"a.example", "a.example"} },
		"upper-case":       func(i *Invite) { i.Domains = []string{"A.example"} },
		"domain with line": func(i *Invite) { i.Domains = []string{"a.example\nb.example"} },
	} {
		i := inviteFrom(t, net, "alpha.example")
		change(i)
		if _, err := EncodeInvite(i); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func FuzzDecodeInvite(f *testing.F) {
	g := chaintest.NewWith(chaintest.ParamsV2(), 1).Genesis
	genesis := g.Encode()
	body := append([]byte{0, 0, byte(len(genesis) >> 8), byte(len(genesis))}, genesis...)
	body = append(body, make([]byte, 32)...)
	f.Add(append(body, append([]byte{1, byte(len(peer))}, peer+"\x01\x0dalpha.example"...)...))
	f.Add(append(body, 1, 5, '/', 'i', 'p'))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range []string{string(body), invitePrefix + string(body), sealed(append([]byte(nil), body...))} {
			i, err := DecodeInvite(s)
			if err != nil {
				continue
			}
			again, err := EncodeInvite(i)
			if err != nil || again != strings.Join(strings.Fields(s), "") {
				t.Fatalf("%q was read, and written as %q, %v", s, again, err)
			}
		}
	})
}

// FuzzDecodeNodeRequest and FuzzDecodeAdmission hold that what is read encodes to the same string.
func FuzzDecodeNodeRequest(f *testing.F) {
	r := &NodeRequest{ChainID: 1}
	text := r.Encode()
	body, err := unarmour(requestPrefix, requestPurpose, text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range []string{string(body), armour(requestPrefix, requestPurpose, bytes.Clone(body))} {
			if r, err := DecodeNodeRequest(s); err == nil && r.Encode() != strings.Join(strings.Fields(s), "") {
				t.Fatalf("%q is read as %+v", s, r)
			}
		}
	})
}

func FuzzDecodeAdmission(f *testing.F) {
	g := chaintest.NewWith(chaintest.ParamsV2(), 1).Genesis
	versions := [][2]string{{admission1Prefix, admission1Purpose}, {admissionPrefix, admissionPurpose}}
	for i, v := range versions {
		text, err := EncodeAdmission(&Admission{Node: consensus.Key{byte(i)}, Genesis: g, Enrol: &g.Block.Events[0], Addresses: []string{peer}})
		if err != nil {
			f.Fatal(err)
		}
		body, err := unarmour(v[0], v[1], text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(body[:len(body)-1])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range []string{string(body), armour(versions[0][0], versions[0][1], bytes.Clone(body)), armour(versions[1][0], versions[1][1], bytes.Clone(body))} {
			a, err := DecodeAdmission(s)
			if err != nil {
				continue
			}
			if again, err := EncodeAdmission(a); err != nil || again != strings.Join(strings.Fields(s), "") {
				t.Fatalf("%q is read as %+v: %v", s, a, err)
			}
		}
	})
}
