package readers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// environment is what foreign programs see: one zone, one charset, nobody's configuration. What
// wants a home is given one of its own.
func environment(more ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C.UTF-8", "TERM=xterm",
		"PYTHONIOENCODING=utf-8", "MAILRC=/dev/null"}
	return append(env, more...)
}

// patience is how long a program may take over all that it is given at once: some never come to an
// end with some mails.
const patience = 2 * time.Minute

// run runs a program to its end. Its exit status is not looked at, nor whether it had to be killed:
// what it wrote before is what it shows.
func run(ctx context.Context, dir string, in []byte, name string, args ...string) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(bounded, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, environment("HOME="+dir), bytes.NewReader(in)
	out, err := cmd.Output()
	if _, ended := errors.AsType[*exec.ExitError](err); ended && ctx.Err() == nil {
		err = nil
	}
	return out, errors.Join(err, ctx.Err())
}

// readFiles has a program read the mails one after another, each in a file of its own.
func readFiles(ctx context.Context, dir string, mails [][]byte, read func(ctx context.Context, mail string) (Shown, error)) ([]Shown, error) {
	folder, err := spread(dir, mails, asFile)
	if err != nil {
		return nil, err
	}
	shown := make([]Shown, len(mails))
	for i := range mails {
		if shown[i], err = read(ctx, filepath.Join(folder, strconv.Itoa(i))); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// spread writes each mail into a file of its own, named by its number, and gives the folder.
func spread(dir string, mails [][]byte, lines func([]byte) []byte) (string, error) {
	folder := filepath.Join(dir, "mails")
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	for i, m := range mails {
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), lines(m),
			0o644); err != nil {
			return "", fmt.Errorf("writing mail %d for a reader: %w", i, err)
		}
	}
	return folder, nil
}

// asFile is how mail lies in files on Unix: with LF.
func asFile(raw []byte) []byte { return bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")) }
