package membership

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

func TestRequestsAndAdmissions(t *testing.T) {
	net := chaintest.NewWith(chaintest.ParamsV2(), 1)
	org, chain := &net.Orgs[0], net.Genesis.Params.ChainID()
	key := consensus.PublicKey(org.Key)
	r := &NodeRequest{ChainID: chain, OrgKey: key, Keys: consensus.NewNodeKeys(chain, key, chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))}
	text := r.Encode()
	read, err := DecodeNodeRequest(" " + text[:40] + "\r\n\t" + text[40:] + "\n")
	if err != nil || *read != *r {
		t.Errorf("read %+v, %v", read, err)
	}
	admission := &Admission{Node: r.Keys.Node, Genesis: net.Genesis, Enrol: &org.Event, Addresses: []string{peer}}
	admitted, err := EncodeAdmission(admission)
	if err != nil {
		t.Fatal(err)
	}
	if ArmourOf(admitted) != ArmourAdmission || ArmourOf(text) != ArmourRequest || ArmourOf("hello") != "" {
		t.Error("an admission is not told from others")
	}
	a, err := DecodeAdmission(admitted)
	if err != nil || a.Node != r.Keys.Node || !bytes.Equal(a.Enrol.Encode(), org.Event.Encode()) || !slices.Equal(a.Addresses, admission.Addresses) {
		t.Errorf("read %+v, %v", a, err)
	}
	for _, bad := range []string{"", text[1:], text[:len(text)-1], text + "A", strings.Replace(text, "A", "B", 1), requestPrefix, requestPrefix + strings.Repeat("A", 1<<16)} {
		if _, err := DecodeNodeRequest(bad); err == nil {
			t.Errorf("%.60q is taken for a request", bad)
		}
	}
	for _, bad := range []string{"", admitted[:len(admitted)-2], strings.Replace(admitted, admissionPrefix, requestPrefix, 1), admissionPrefix + "AAAA", anyAdmission + "3:AAAA", strings.Replace(admitted, admissionPrefix, admission1Prefix, 1)} {
		if _, err := DecodeAdmission(bad); err == nil {
			t.Errorf("%.60q is taken for an admission", bad)
		}
	}
}
