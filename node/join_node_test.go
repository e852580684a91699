package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

func TestJoinAsNode(t *testing.T) {
	dir, g := founder(t, "Alpha", "alpha.test")
	other := newcomer(t, "second", "alpha.test")
	r, err := RequestNode(other, inviteFrom(t, dir, g, "alpha.test"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := membership.DecodeNodeRequest(r.Encode())
	if err != nil || *read != *r {
		t.Errorf("read %+v, %v", read, err)
	}
	enrol, err := LoadEnrol(dir)
	if err != nil {
		t.Fatal(err)
	}
	admitted, err := membership.EncodeAdmission(&membership.Admission{Node: r.Keys.Node, Genesis: g, Enrol: enrol, Addresses: []string{peer}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := membership.DecodeAdmission(admitted)
	if err != nil {
		t.Fatal(err)
	}
	// An admission is for its machine alone; one of version 1, which does not say whose it is, is
	// read still. Who has joined with another machine's is in no block, and asks again; who has a
	// network otherwise has it.
	third := newcomer(t, "third", "alpha.test")
	if _, err := JoinAsNode(third, a); api.AsError(err).Code != api.CodeNotAllowed || fileExists(filepath.Join(third, networkFile)) {
		t.Errorf("another machine joins: %v", err)
	}
	old, err := membership.EncodeAdmission(&membership.Admission{Genesis: g, Enrol: enrol, Addresses: []string{peer}})
	if err != nil || !strings.HasPrefix(old, "cairn-admission1:") {
		t.Fatalf("%.20s, %v", old, err)
	}
	nobodys, err := membership.DecodeAdmission(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := JoinAsNode(third, nobodys); err != nil {
		t.Fatal(err)
	}
	if again, err := RequestNode(third, inviteFrom(t, dir, g, "alpha.test")); err != nil || again.Keys.Node == r.Keys.Node {
		t.Errorf("who is in no block asks again: %+v, %v", again, err)
	}
	for why, at := range map[string]string{"who has enrolled": dir, "who joined another organisation": third} {
		invite := inviteFrom(t, dir, g, "alpha.test")
		if at == third {
			invite.OrgKey, invite.Domains = r.Keys.Node, []string{"beta.test"}
		}
		if _, err := RequestNode(at, invite); !errors.Is(err, ErrExists) {
			t.Errorf("%s asks: %v", why, err)
		}
	}

	// The key here may be the organisation's present one: it is kept, and so is one that was set
	// aside before.
	key := contents(t, other)[home.OrgKey]
	if err := os.WriteFile(filepath.Join(other, "keys", "org-aside.pem"), []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	aside, err := JoinAsNode(other, a)
	if err != nil {
		t.Fatal(err)
	}
	if after := contents(t, other); aside != "keys/org-aside-2.pem" || after[home.OrgKey] != "" || after[aside] != key || key == "" || after["keys/org-aside.pem"] != "earlier" {
		t.Errorf("the key was put into %q: %v", aside, after)
	}
	if _, err := JoinAsNode(other, a); err == nil {
		t.Error("it joins twice")
	}
	quiet(t, other, nil)
	s, err := open(t, other).Status(t.Context())
	if err != nil || s.Org.Enrolled || s.Org.WaitsFor == "" {
		t.Errorf("status says %+v, %v", s, err)
	}
}
