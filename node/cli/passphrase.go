package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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
	keys.Passphrase = func() (string, error) { return a.askSecret(ctx, passphrase, "Passphrase of the backup: ") }
	if k.secretFile != "" {
		secret, err := passphrase.read(k.secretFile)
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
		return passphrase.read(o.secretFile)
	}
	return a.askTwice(ctx, passphrase, "New passphrase of the backup: ")
}
