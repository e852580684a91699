package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cairn/node/api"
	"cairn/node/home"
)

// backupKeys are what verify, restore and check open an encrypted backup with.
type backupKeys struct {
	secretFile, identityFile string
}

func (k *backupKeys) flags(c *cobra.Command) {
	c.Flags().StringVar(&k.secretFile, "passphrase-file", "", "open the backup with the passphrase in this file (default: it is asked for)")
	c.Flags().StringVar(&k.identityFile, "identity", "", "open the backup with the key in this file, as age-keygen wrote it")
}

// openKeys reads the files that k names. A passphrase is asked for when it turns out to be needed.
func (a *app) openKeys(ctx context.Context, k *backupKeys) (keys home.Keys, err error) {
	if k.identityFile != "" {
		if keys.Identities, err = a.read(ctx, k.identityFile); err != nil {
			return keys, fmt.Errorf("reading the identity: %w", err)
		}
	}
	keys.Passphrase = func() (string, error) { return a.askPassphrase(ctx, "Passphrase of the backup: ") }
	if k.secretFile != "" {
		secret, err := readPassphrase(k.secretFile)
		keys.Passphrase = func() (string, error) { return secret, nil }
		return keys, err
	}
	return keys, nil
}

// newPassphrase is the one to encrypt with; empty if it is done to recipients.
func (a *app) newPassphrase(ctx context.Context, o newBackup) (string, error) {
	switch {
	case len(o.recipients) > 0:
		return "", nil
	case o.secretFile != "":
		return readPassphrase(o.secretFile)
	}
	return a.askTwice(ctx, "New passphrase of the backup: ", "encrypting the backup: the two passphrases are not the same")
}

// askTwice asks for what is typed unseen; other is said where the second is another one.
func (a *app) askTwice(ctx context.Context, prompt, other string) (string, error) {
	first, err := a.askPassphrase(ctx, prompt)
	if err != nil {
		return "", err
	}
	again, err := a.askPassphrase(ctx, "The same again: ")
	if err == nil && again != first {
		err = api.Errorf(api.CodeInvalid, "type the same twice", "%s", other)
	}
	return first, err
}

// readPassphrase gives the first line of a file.
func readPassphrase(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	secret, rest, _ := strings.Cut(string(b), "\n")
	if rest != "" {
		return "", api.Errorf(api.CodeInvalid, "write the passphrase alone, on one line", "reading the passphrase: %s has more than one line", file)
	}
	return notEmpty(strings.TrimSuffix(secret, "\r"))
}

// askPassphrase reads a line from the terminal, without showing it.
func (a *app) askPassphrase(ctx context.Context, prompt string) (string, error) {
	fd := -1
	if in, ok := a.in.(*os.File); ok {
		fd = int(in.Fd())
	}
	if !term.IsTerminal(fd) {
		return "", api.Errorf(api.CodeInvalid, "give it with --passphrase-file", "asking for the passphrase: standard input is no terminal")
	}
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("asking for the passphrase: %w", err)
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
			return "", fmt.Errorf("asking for the passphrase: %w", t.err)
		}
		return notEmpty(string(t.text))
	case <-ctx.Done():
		term.Restore(fd, before) // or the shell would show nothing either
		return "", fmt.Errorf("asking for the passphrase: %w", ctx.Err())
	}
}

func notEmpty(secret string) (string, error) {
	if secret == "" {
		return "", api.Errorf(api.CodeInvalid, "choose one of several words", "encrypting or opening the backup: the passphrase is empty")
	}
	return secret, nil
}
