package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"cairn/node/api"
)

// secret is a kind of secret, which is typed unseen or stands in the file that a flag of its name
// gives.
type secret string

const (
	passphrase secret = "passphrase"
	password   secret = "password"
	hash       secret = "hash" // of a password
)

// read gives the first line of a file.
func (s secret) read(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the %s: %w", s, err)
	}
	text, rest, _ := strings.Cut(string(b), "\n")
	if rest != "" {
		return "", api.Errorf(api.CodeInvalid, fmt.Sprintf("write the %s alone, on one line", s), "reading the %s: %s has more than one line", s, file)
	}
	return s.notEmpty(strings.TrimSuffix(text, "\r"))
}

func (s secret) notEmpty(text string) (string, error) {
	if text == "" {
		return "", api.Errorf(api.CodeInvalid, "choose one of several words", "the %s is empty", s)
	}
	return text, nil
}

// askTwice asks for a new secret.
func (a *app) askTwice(ctx context.Context, s secret, prompt string) (string, error) {
	first, err := a.askSecret(ctx, s, prompt)
	if err != nil {
		return "", err
	}
	again, err := a.askSecret(ctx, s, "The same again: ")
	if err == nil && again != first {
		err = api.Errorf(api.CodeInvalid, "type the same twice", "the two %ss are not the same", s)
	}
	return first, err
}

// askSecret reads a line from the terminal, without showing it.
func (a *app) askSecret(ctx context.Context, s secret, prompt string) (string, error) {
	fd := -1
	if in, ok := a.in.(*os.File); ok {
		fd = int(in.Fd())
	}
	if !term.IsTerminal(fd) {
		return "", api.Errorf(api.CodeInvalid, fmt.Sprintf("give it with --%s-file", s), "asking for the %s: standard input is no terminal", s)
	}
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("asking for the %s: %w", s, err)
	}
	fmt.Fprint(a.err, prompt)
	defer fmt.Fprintln(a.err)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- answer{text, err}
	}()
	select {
	case t := <-typed:
		if t.err != nil {
			return "", fmt.Errorf("asking for the %s: %w", s, t.err)
		}
		return s.notEmpty(string(t.text))
	case <-ctx.Done():
		term.Restore(fd, before) // or the shell would show nothing either
		return "", fmt.Errorf("asking for the %s: %w", s, ctx.Err())
	}
}
