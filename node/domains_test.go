package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/node/api"
)

// at adds accounts with these addresses, each "name address...".
func (w *changing) at(accounts ...string) {
	w.t.Helper()
	for _, a := range accounts {
		f := strings.Fields(a)
		if _, err := w.AddAccount(w.t.Context(), api.AccountRequest{Name: f[0], Addresses: f[1:]}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// update proposes an update of beta's.
func (w *changing) update(cutOff bool, change func(*consensus.Update)) (*api.OrgEvent, error) {
	w.t.Helper()
	keys, err := LoadOrgKeys(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	st := mustStand(w.t, w.Node)
	u := st.Profile()
	change(u)
	e, err := st.Update(w.t.Context(), keys, u, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.ProposeEvent(w.t.Context(), api.EventRequest{Event: e.Encode(), CutOff: cutOff})
}

// Who has an address at a domain that goes is cut off by nobody's oversight; who has none at one
// that comes is counted.
func TestDomainsThatGoAndCome(t *testing.T) {
	w := newChanging(t)
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta", Domains: []string{"beta.test", "old.test"}}
	}))
	w.at("alice alice@beta.test alice@old.test", "bob bob@beta.test")
	owner := "bob@beta.test"
	if _, err := w.PutHostedList(t.Context(), api.HostedListRequest{Address: "devs@old.test", Owner: &owner}); err != nil {
		t.Fatal(err)
	}
	drop := func(u *consensus.Update) { u.Domains = []string{"beta.test", "new.test"} }

	_, err := w.update(false, drop)
	refused := api.AsError(err)
	if refused == nil || refused.Code != api.CodeNotAllowed || !strings.HasSuffix(refused.Message, ": alice@old.test, devs@old.test") ||
		!strings.HasSuffix(refused.Hint, ": cairn org update --domain beta.test --domain new.test --cut-off") {
		t.Fatalf("domains that go with addresses: %v, %+v", err, refused)
	}
	// All that was asked for is in the command that says so, and where no block would take it
	// either way that is said.
	_, err = w.update(false, func(u *consensus.Update) {
		drop(u)
		u.Name, u.Records, u.ThresholdFloor = "Beta's", consensus.RecordsAll, 80
	})
	if refused = api.AsError(err); refused == nil ||
		!strings.HasSuffix(refused.Hint, `: cairn org update --name 'Beta'\''s' --domain beta.test --domain new.test --records all --threshold-floor 80 --cut-off`) {
		t.Errorf("with more that changes: %v, %+v", err, refused)
	}
	if _, err := w.Trust(t.Context(), api.TrustRequest{Domain: "pinned.test", Key: consensus.PublicKey(must(NewKey())).String(), EvenSo: true}); err != nil {
		t.Fatal(err)
	}
	_, err = w.update(false, func(u *consensus.Update) { u.Domains = []string{"beta.test", "pinned.test"} })
	if refused = api.AsError(err); refused == nil || !strings.Contains(refused.Message, "trusts another organisation for pinned.test") {
		t.Errorf("with a domain that is somebody else's: %v", err)
	}
	// From the configuration too, and status says so.
	before, err := profileOf(&w.cfg.Organisation)
	if err != nil {
		t.Fatal(err)
	}
	before.Domains = []string{"beta.test", "old.test"}
	w.noteConfigured(t.Context(), before)
	w.now = func() time.Time { return unixMilli(w.chain.State().Time()) }
	if done, err := w.proposeConfigured(t.Context(), w.chain.State()); !done || err != nil {
		t.Errorf("the configuration waits: %v", err)
	}
	s, err := w.Status(t.Context())
	if err != nil || !strings.Contains(s.Org.Refused, "alice@old.test, devs@old.test") || !strings.Contains(s.Org.RefusedNext, "--cut-off") || len(s.Mail.CutOff) > 0 {
		t.Errorf("status says %+v, %v", s.Org, err)
	}

	v, err := w.update(true, drop)
	if err != nil || !slices.Equal(v.Unaddressed, []api.DomainAccounts{{Domain: "new.test", Accounts: 2}}) {
		t.Fatalf("as it is meant: %+v, %v", v, err)
	}
	if v, err = w.update(false, func(u *consensus.Update) { u.Name = "Beta & Co" }); err != nil || len(v.Unaddressed) > 0 {
		t.Errorf("what is about something else, behind that: %+v, %v", v, err)
	}
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta", Domains: []string{"beta.test", "new.test"}}
	}))
	want := []string{"alice@old.test", "devs@old.test"}
	if s, err = w.Status(t.Context()); err != nil || !slices.Equal(s.Mail.CutOff, want) {
		t.Errorf("status counts %v, %v", s.Mail.CutOff, err)
	}
	var marked []string
	l, err := w.Accounts(t.Context())
	for _, a := range l.Accounts {
		marked = append(marked, a.CutOff...)
	}
	if err != nil || !slices.Equal(marked, want) {
		t.Errorf("of accounts are marked %v, %v", marked, err)
	}
}

// An account gets further addresses and loses them, but what somebody else needs.
func TestAddressesOfAccounts(t *testing.T) {
	w := newChanging(t)
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta", Domains: []string{"beta.test", "new.test"}}
	}))
	w.at("alice alice@beta.test", "bob bob@beta.test")
	if _, err := w.PutHostedList(t.Context(), api.HostedListRequest{Address: "devs@beta.test", Owner: new("alice@beta.test")}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		add             bool
		account, change string
		code            api.Code // empty: done
		addresses       string   // afterwards
	}{
		{true, "Alice", "Alice@NEW.test", "", "alice@beta.test alice@new.test"},
		{true, "alice", "alice@new.test", api.CodeUnchanged, ""},
		{true, "alice", "bob@beta.test", api.CodeExists, ""},
		{true, "alice", "alice@alpha.test", api.CodeInvalid, ""},
		{true, "alice", "alice", api.CodeUsage, ""},
		{true, "nobody", "x@beta.test", api.CodeNotFound, ""},
		{true, "devs@beta.test", "devs@new.test", api.CodeNotAllowed, ""},
		{false, "alice", "alice@beta.test", api.CodeNotAllowed, ""}, // bounces of the list
		{false, "alice", "alice@new.test", "", "alice@beta.test"},
		{false, "alice", "alice@new.test", api.CodeNotFound, ""},
		{false, "bob", "bob@beta.test", api.CodeNotAllowed, ""}, // the only one
		{true, "postmaster", "admin@beta.test", "", "admin@beta.test postmaster@beta.test"},
		{false, "postmaster", "postmaster@beta.test", api.CodeNotAllowed, ""},
	} {
		call := w.RemoveAddress
		if tt.add {
			call = w.AddAddress
		}
		a, err := call(t.Context(), api.AddressRequest{Account: tt.account, Address: tt.change})
		switch {
		case tt.code == "" && (err != nil || strings.Join(a.Addresses, " ") != tt.addresses):
			t.Errorf("%+v: %+v, %v", tt, a, err)
		case tt.code != "" && (api.AsError(err) == nil || api.AsError(err).Code != tt.code || api.AsError(err).Hint == ""):
			t.Errorf("%+v: %+v, %v", tt, a, err)
		}
	}
}
