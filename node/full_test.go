package node

import (
	"strings"
	"testing"

	"cairn/mailstore"
	"cairn/node/api"
)

// On a disk without room whatever would be stored says so, and what helps.
func TestFullDiskIsSaid(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	send := func() (*api.Sent, error) {
		return n.Send(t.Context(), api.SendRequest{
			From: "alice@alpha.test", To: []string{"alice@alpha.test"}, Raw: []byte("From: alice@alpha.test\r\nSubject: x\r\n\r\ny\r\n"),
		})
	}
	sent, err := send()
	if err != nil {
		t.Fatal(err)
	}
	n.store.SetTrouble(func() mailstore.Trouble { return mailstore.Trouble{Full: true} })
	defer n.store.SetTrouble(nil)
	_, sending := send()
	_, labelling := n.SetLabels(t.Context(), api.LabelRequest{Ref: sent.Ref, Add: []string{"work"}})
	_, adding := n.AddAccount(t.Context(), api.AccountRequest{Name: "bob"})
	for what, err := range map[string]error{"send": sending, "label": labelling, "account": adding} {
		e := api.AsError(err)
		if e == nil || e.Code != api.CodeTryLater || e.Hint != api.MakeRoom || !strings.Contains(e.Message, "disk is almost full") || strings.Contains(e.Message, "mailstore") {
			t.Errorf("%s: %+v", what, e)
		}
	}
}
