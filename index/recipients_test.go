package index

import (
	"testing"
	"time"

	"cairn/mailstore"
)

// Who got a mail is found, whether a field names him or not.
func TestRecipientsAreFound(t *testing.T) {
	b := newBed(t)
	const raw = "From: jo@example.org\nTo: Zoe <zoe@a.example>\nCc: al@a.example\nSubject: x\n\nx\n"
	b.update(func(tx *mailstore.Tx) error {
		blob, err := tx.PutBlob([]byte(raw))
		if err != nil {
			return err
		}
		m := mailstore.Message{Account: b.account, Blob: blob, Size: int64(len(raw)), Received: time.Unix(1, 0), Outgoing: true, Recipients: []string{"zoe@a.example", "AL@a.example", "secret@b.example"}}
		_, err = tx.AddMessage(m, nil)
		return err
	})
	b.sync()
	for q, want := range map[string]string{
		"to:secret@b.example": "1", "to:secret": "1", "secret": "1", "to:zoe": "1", "cc:al": "1", "to:al": "", `to:"zoe a example"`: "", `"zoe zoe"`: "", `to:"a example"`: "1", "to:zoe@a.example": "1", "to:zoe@a*": "1", `to:"example secret"`: "",
	} {
		if got := b.find(q); got != want {
			t.Errorf("%s finds %q, want %q", q, got, want)
		}
	}
}
