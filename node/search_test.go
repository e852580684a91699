package node

import (
	"testing"

	"cairn/mailstore"
	"cairn/node/api"
)

// An answer says what the index has not taken in: here a node that is open and not serving, so that
// nothing follows the mail.
func TestAnswerSaysWhatIsBehind(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	var changes mailstore.ModSeq
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("zoe", []string{"zoe@alpha.test"})
		if err != nil {
			return err
		}
		raw := []byte("Subject: new\r\n\r\nx\r\n")
		blob, err := tx.PutBlob(raw)
		if err != nil {
			return err
		}
		if _, err = tx.AddMessage(mailstore.Message{Account: a.ID, Blob: blob, Size: int64(len(raw)), Received: n.now()}, nil); err != nil {
			return err
		}
		changes, err = tx.ModSeq()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := n.Search(t.Context(), api.SearchRequest{Query: "new"})
	if err != nil || found.Total != 0 || found.Behind != uint64(changes) {
		t.Errorf("found %d, behind by %d of %d, %v", found.Total, found.Behind, changes, err)
	}
}
