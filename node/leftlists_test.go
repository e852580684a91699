package node

import (
	"slices"
	"testing"

	"cairn/node/api"
)

// Who has an address that was given up next does not get the mail of the lists on which it was.
func TestRemovedAddressesLeaveTheListsHere(t *testing.T) {
	n, _ := alone(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n.mustAdd(t, "owner", "owner@alpha.test")
	n.mustAdd(t, "alice", "alice@alpha.test", "sales@alpha.test")
	owner := "owner@alpha.test"
	for _, list := range []string{"all", "devs", "team"} {
		_, err := n.PutHostedList(t.Context(), api.HostedListRequest{Address: list + "@alpha.test", Owner: &owner})
		must(err)
		_, err = n.Join(t.Context(), api.MembersRequest{Address: list + "@alpha.test", Members: []string{"alice@beta.test", owner}})
		must(err)
	}
	for list, members := range map[string][]string{"all": {"alice@alpha.test", "sales@alpha.test", "team@alpha.test"}, "team": {"Alice@Alpha.test"}} {
		_, err := n.Join(t.Context(), api.MembersRequest{Address: list + "@alpha.test", Members: members})
		must(err)
	}
	holds := func(what string, off, wantOff []string, wantAll ...string) {
		t.Helper()
		if !slices.Equal(off, wantOff) {
			t.Errorf("%s: taken off %q, want %q", what, off, wantOff)
		}
		l, err := n.Members(t.Context(), "all@alpha.test")
		must(err)
		want := append(slices.Clone(wantAll), "owner@alpha.test", "alice@beta.test")
		slices.Sort(want)
		got := slices.Sorted(slices.Values(l.Members))
		if !slices.Equal(got, want) || l.Total != len(want) {
			t.Errorf("%s: members are %q, counted as %d, want %q", what, got, l.Total, want)
		}
	}

	a, err := n.RemoveAddress(t.Context(), api.AddressRequest{Account: "alice", Address: "sales@alpha.test"})
	must(err)
	holds("an address", a.LeftLists, []string{"all@alpha.test"}, "alice@alpha.test", "team@alpha.test")
	a, err = n.RemoveAccount(t.Context(), "alice")
	must(err)
	holds("an account", a.LeftLists, []string{"all@alpha.test", "team@alpha.test"}, "team@alpha.test")
	l, err := n.RemoveHostedList(t.Context(), "team@alpha.test")
	must(err)
	holds("a list", l.LeftLists, []string{"all@alpha.test"})
	n.mustAdd(t, "bob", "bob@alpha.test")
	a, err = n.RemoveAccount(t.Context(), "bob")
	must(err)
	holds("one on no list", a.LeftLists, nil)
}
