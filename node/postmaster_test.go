package node

import (
	"reflect"
	"testing"

	"cairn/mailstore"
	"cairn/node/api"
)

func (n *Node) mustAdd(t *testing.T, name string, addresses ...string) mailstore.AccountID {
	t.Helper()
	var a mailstore.Account
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) (err error) {
		a, err = tx.AddAccount(name, addresses)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// The postmaster has an account of its own, whatever accounts there are.
func TestEnsurePostmaster(t *testing.T) {
	for _, tt := range []struct {
		what    string
		prepare func(*testing.T, *Node)
		want    string // name of the account that takes its mail
	}{
		{"a new store", func(*testing.T, *Node) {}, "postmaster"},
		{"made before", func(t *testing.T, n *Node) { n.mustAdd(t, "boss", "postmaster@alpha.test") }, "boss"},
		{"others are older", func(t *testing.T, n *Node) { n.mustAdd(t, "alice", "alice@alpha.test") }, "postmaster"},
		{"another one has the name", func(t *testing.T, n *Node) {
			n.mustAdd(t, "Postmaster", "office@alpha.test")
			n.mustAdd(t, "postmaster-2")
		}, "postmaster-3"},
		{"another domain's is there", func(t *testing.T, n *Node) {
			n.enrol.Enrol().Domains = append(n.enrol.Enrol().Domains, "second.test")
			n.mustAdd(t, "alice", "postmaster@second.test")
		}, "postmaster"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			n := storeOnly(t)
			tt.prepare(t, n)
			for range 2 { // as at each start
				if err := n.ensurePostmaster(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			err := n.store.View(func(rd *mailstore.Reader) error {
				a, err := rd.AccountByAddress("postmaster@alpha.test")
				if a.Name != tt.want {
					t.Errorf("its account is %q, want %q", a.Name, tt.want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestThePostmasterStays(t *testing.T) {
	n, _ := alone(t)
	n.mustAdd(t, "alice", "alice@alpha.test")
	if err := n.ensurePostmaster(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postmaster", "POSTMASTER"} {
		if _, err := n.RemoveAccount(t.Context(), name); err == nil || api.AsError(err).Code != api.CodeNotAllowed {
			t.Errorf("removing %s: %v", name, err)
		}
	}
	if _, err := n.RemoveAccount(t.Context(), "Alice"); err != nil {
		t.Errorf("removing another account: %v", err)
	}
	l, err := n.Accounts(t.Context())
	if err != nil || len(l.Accounts) != 1 || l.Accounts[0].Name != "postmaster" {
		t.Errorf("left are %+v, %v", l.Accounts, err)
	}
}

func TestTwins(t *testing.T) {
	var accounts []mailstore.Account
	for _, name := range []string{"carol", "bob", "Carol", "bobby", "CAROL"} {
		accounts = append(accounts, mailstore.Account{Name: name})
	}
	if got, want := twins(accounts), [][2]string{{"carol", "Carol"}, {"carol", "CAROL"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
