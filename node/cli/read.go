package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"cairn/node/api"
)

// What is read at once, in bytes, so that input without an end takes no more.
const (
	maxRead     = 256 << 20 // messages and lists
	maxArmoured = 64 << 10  // a string that people carry from one node to another, however mail has broken its lines
)

// read gives the content of a file; - is standard input. It does not wait longer than ctx: what is
// read then ends with the program.
func (a *app) read(ctx context.Context, file string) ([]byte, error) {
	return a.readUpTo(ctx, file, maxRead)
}

// readUpTo is read of no more than most bytes.
func (a *app) readUpTo(ctx context.Context, file string, most int64) ([]byte, error) {
	type content struct {
		b   []byte
		err error
	}
	done := make(chan content, 1)
	go func() {
		var c content
		if file == "-" {
			c.b, c.err = upTo(a.in, "standard input", most)
		} else {
			c.b, c.err = readFile(file, most)
		}
		done <- c
	}()
	select {
	case c := <-done:
		return c.b, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readFile is os.ReadFile of no more than most bytes, but that it says of a folder what to do.
func readFile(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := upTo(f, file, most)
	if errors.Is(err, syscall.EISDIR) {
		return nil, api.Errorf(api.CodeInvalid, "name a file in it, as in "+api.ShellWord(filepath.Join(file, "mail.eml")), "reading %s: it is a folder, not a file", file)
	}
	return b, err
}

func upTo(r io.Reader, what string, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, api.Errorf(api.CodeTooLarge, "look at what comes from there", "reading %s: it has more than %d bytes, which is more than is taken", what, most)
	}
	return b, err
}
