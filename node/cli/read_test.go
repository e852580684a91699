package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/api"
)

// endless is input that never ends, and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	return len(b), nil
}

// Input without an end is not read for ever.
func TestReadHasAnEnd(t *testing.T) {
	for _, c := range []struct {
		in   io.Reader
		most int64
		want api.Code
	}{
		{new(endless), maxArmoured, api.CodeTooLarge},
		{strings.NewReader("12345"), 4, api.CodeTooLarge},
		{strings.NewReader("1234"), 4, ""},
	} {
		b, err := (&app{in: c.in}).readUpTo(t.Context(), "-", c.most)
		if err != nil != (c.want != "") || err != nil && api.AsError(err).Code != c.want || err == nil && string(b) != "1234" {
			t.Errorf("%q, %v", b, err)
		}
		if e, ok := c.in.(*endless); ok && e.read > 4*maxArmoured {
			t.Errorf("%d bytes were read", e.read)
		}
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(file, 4); api.AsError(err).Code != api.CodeTooLarge {
		t.Errorf("a file: %v", err)
	}
	var e endless
	var out, said bytes.Buffer
	code := (&app{in: &e, out: &output{Writer: &out}, err: &said}).run(t.Context(), []string{"join", "-", "--dir", t.TempDir()})
	errs := said.String()
	if code != 1 || !strings.Contains(errs, "reading standard input: it has more than 65536 bytes") || e.read > 4*maxArmoured {
		t.Errorf("join: %d, %d bytes read, %s", code, e.read, errs)
	}
}
