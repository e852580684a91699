package home

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"cairn/node/api"
)

// takenOf takes the text of newHome's mail from a backup, and ends that with what enough says.
func takenOf(t *testing.T, b []byte, enough error) (texts int, err error) {
	t.Helper()
	o, err := OpenTexts(bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	if o.Manifest.Organisation != "Alpha" {
		t.Errorf("it is of %q", o.Manifest.Organisation)
	}
	wanted := sha256.Sum256([]byte("Subject: hello\r\n\r\ntext\r\n"))
	err = o.Take(func(blob [32]byte) bool { return blob == wanted }, func(blob [32]byte, raw []byte) error {
		if texts++; blob != wanted || sha256.Sum256(raw) != wanted {
			t.Errorf("another text: %q", raw)
		}
		return enough
	})
	return texts, err
}

// Texts are taken also of a backup in which something else is damaged, and no further than asked.
func TestTextsOfABackup(t *testing.T) {
	b := backup(t, texts(), false)
	if n, err := takenOf(t, b, nil); n != 1 || err != nil {
		t.Errorf("%d texts, %v", n, err)
	}
	flipped := bytes.Clone(b)
	flipped[startOf(t, b, "keys/node.pem")+40] ^= 4
	n, err := takenOf(t, flipped, nil)
	if n != 1 {
		t.Errorf("of one with a damaged key %d texts", n)
	}
	wantError(t, err, api.CodeInvalid, "keys/node.pem")
	cut := b[:len(b)-10]
	n, err = takenOf(t, cut, nil)
	if n != 1 {
		t.Errorf("of one that is cut off %d texts", n)
	}
	wantError(t, err, api.CodeInvalid, "cut off")
	for name, b := range map[string][]byte{"whole": b, "flipped": flipped, "cut": cut} {
		if n, err := takenOf(t, b, ErrEnough); n != 1 || err != nil {
			t.Errorf("%s, as far as was asked: %d texts, %v", name, n, err)
		}
	}
	if n, err := takenOf(t, b, io.ErrClosedPipe); n != 1 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after an error: %d texts, %v", n, err)
	}
	_, err = takenOf(t, []byte("Subject: none\r\n"), nil)
	wantError(t, err, api.CodeInvalid, "it is none of a cairn node")
}
