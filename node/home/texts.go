package home

import (
	"errors"
	"io"

	"cairn/mailstore"
)

// Texts is a backup of which texts of mail may be taken. Its manifest was read, and nothing behind.
type Texts struct {
	Manifest Manifest
	c        *reader
	in       *endable
}

// ErrEnough is what ends the reading of a backup of which nothing more is wanted.
var ErrEnough = errors.New("nothing more is wanted of it")

// OpenTexts reads the manifest of a backup. Errors are as those of [Check].
func OpenTexts(r io.Reader) (*Texts, error) {
	in := &endable{r: r}
	t := &Texts{c: newReader(in), in: in}
	t.c.evenSo = true // each text is held to its SHA-256
	err := t.c.begin()
	t.Manifest = t.c.found.Manifest
	return t, err
}

// Take reads on, and gives those texts in it to take that are wanted, by their SHA-256; ErrEnough
// from take ends it there, as if that were the end of the backup, and another error is returned as
// it is. Of a backup that is damaged all is given that can be read, and the error says so.
func (t *Texts) Take(wanted func(blob [32]byte) bool, take func(blob [32]byte, raw []byte) error) error {
	var ended error // by take
	err := t.c.rest(func(_ *Manifest, name string, content io.Reader) error {
		if name != MailDir {
			return nil
		}
		err := mailstore.Texts(content, wanted, func(blob [32]byte, raw []byte) error {
			ended = take(blob, raw)
			t.in.end = ended
			return ended
		})
		return unreadable(err)
	})
	switch {
	case errors.Is(ended, ErrEnough):
		return nil
	case ended != nil:
		return ended
	}
	return err
}

// endable is a reader that is read no further once end is set.
type endable struct {
	r   io.Reader
	end error
}

func (e *endable) Read(b []byte) (int, error) {
	if e.end != nil {
		return 0, e.end
	}
	return e.r.Read(b)
}
