package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cairn/mailstore"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
)

func (a *app) cmdBackup() *cobra.Command {
	return group("backup", "Make, verify and restore backups of this node", a.cmdBackupCreate(), a.cmdBackupVerify(), a.cmdBackupRestore())
}

// backup is what the commands print of one.
type backup struct {
	api.Document
	File      string `json:"file"`
	Encrypted bool   `json:"encrypted"`
	HasOrgKey bool   `json:"has_org_key"`
	home.Manifest
	Parts    []home.Part `json:"parts"`
	Accounts uint64      `json:"accounts"`
	Messages uint64      `json:"messages"`
	Warnings []string    `json:"warnings,omitempty"`
}

func describe(file string, found *home.Contents, stats mailstore.DumpStats, encrypted bool) *backup {
	return &backup{
		File: file, Encrypted: encrypted, HasOrgKey: found.Manifest.HasOrgKey(), Manifest: found.Manifest, Parts: found.Parts,
		Accounts: stats.Accounts, Messages: stats.Messages,
	}
}

// headline says what a backup is of.
func (d *backup) headline() string {
	s := fmt.Sprintf("a backup of %s's node, made %s with %s", line(d.Organisation, 0), moment(d.Made), line(d.Software, 0))
	if d.Encrypted {
		s += ", encrypted"
	}
	return s
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// holds says what mail is in it.
func (d *backup) holds() string {
	return fmt.Sprintf("%s with %s, up to change %d of the journal", plural(int(d.Accounts), "account"), plural(int(d.Messages), "message"), d.Journal)
}

// newBackup is what create is told.
type newBackup struct {
	orgKey, encrypt bool
	secretFile      string
	recipients      []string
}

func (a *app) cmdBackupCreate() *cobra.Command {
	var o newBackup
	c := &cobra.Command{
		Use:   "create FILE",
		Short: "Write a backup of the node to a file",
		Long: `Write a backup of the node, running or not, to a file; - is standard output. It holds all mail, the queue, the signing state,
the configuration and this node's keys, as of one moment; search index and chain are made again. Mail goes on meanwhile.

The organisation's key is not in it: whoever has that is the organisation. Keep it elsewhere, or add it with --with-org-key.
Whoever can read a backup has the mail and can act as this node: encrypt one that leaves the machine, with a passphrase or
to keys of age (age-encryption.org).`,
		Example: "  cairn backup create /backup/alpha\n  cairn backup create --recipient age1… - | ssh vault 'cat > alpha.age'",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, a, args[0]); err != nil {
				return err
			}
			d, err := a.createBackup(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			if args[0] == "-" {
				fmt.Fprint(a.err, clean(d.headline()+": "+d.holds()+"\n"))
				return nil
			}
			return a.print(d, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s is %s\n  %s\n", d.File, d.headline(), d.holds())
				for _, w := range d.Warnings {
					fmt.Fprintf(b, "  %s\n", w)
				}
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&o.orgKey, "with-org-key", false, "put the organisation's key into it")
	f.BoolVar(&o.encrypt, "encrypt", false, "encrypt it with a passphrase, asked for or from --passphrase-file")
	f.StringVar(&o.secretFile, "passphrase-file", "", "encrypt it with the passphrase in this file")
	f.StringArrayVar(&o.recipients, "recipient", nil, "encrypt it to a public key of age; may be given several times")
	return c
}

// check tells of options that cannot be meant together.
func (o *newBackup) check(c *cobra.Command, a *app, file string) error {
	switch {
	case len(o.recipients) > 0 && (o.encrypt || o.secretFile != ""):
		return usage(c, "--recipient encrypts to a key, --encrypt and --passphrase-file with a passphrase: give one or the other")
	case file == "-" && a.json:
		return usage(c, "with - the backup itself goes to standard output: leave out --json")
	case file == "-" && isTerminal(a.out.Writer):
		return usage(c, "a backup is nothing to look at: send standard output to a file or a program")
	}
	o.encrypt = o.encrypt || o.secretFile != "" || len(o.recipients) > 0
	return nil
}

// createBackup writes a backup and holds what is written to its digests on the way.
func (a *app) createBackup(ctx context.Context, file string, o newBackup) (*backup, error) {
	out, commit := io.Writer(a.out), func() error { return nil }
	if file != "-" {
		f, err := home.NewFile(file, a.dir)
		if err != nil {
			return nil, err
		}
		defer f.Discard()
		out, commit = f, f.Commit
	}
	seal := func() error { return nil }
	if o.encrypt {
		secret, err := a.newPassphrase(ctx, o)
		if err != nil {
			return nil, err
		}
		w, err := home.Encrypt(out, secret, o.recipients)
		if err != nil {
			return nil, err
		}
		out, seal = w, w.Close
	}
	seen, done := a.octetProgress("writing the backup", -1)
	found, stats, err := a.pipeBackup(ctx, o.orgKey, io.MultiWriter(saved{out}, seen))
	done()
	if err != nil {
		return nil, err
	}
	if err := seal(); err != nil {
		return nil, saved{}.failed(err)
	}
	if err := commit(); err != nil {
		return nil, err
	}
	d := describe(file, found, stats, o.encrypt)
	if !o.encrypt {
		d.Warnings = append(d.Warnings, "it is not encrypted: whoever can read it has the mail, and can act as this node")
	}
	if !d.HasOrgKey {
		d.Warnings = append(d.Warnings, "the organisation's key is not in it: keep a copy of "+home.OrgKey+" elsewhere")
	}
	return d, nil
}

// pipeBackup has the node write its backup, and passes it on to out while it is checked.
func (a *app) pipeBackup(ctx context.Context, orgKey bool, out io.Writer) (*home.Contents, mailstore.DumpStats, error) {
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.CloseWithError(a.takeBackup(ctx, api.BackupRequest{OrgKey: orgKey}, w))
	}()
	interrupted := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	defer interrupted()
	found, stats, err := home.Check(io.TeeReader(r, out))
	r.CloseWithError(errors.New("no longer read"))
	<-ended
	return found, stats, err
}

// takeBackup asks the running node, or does it itself if none runs.
func (a *app) takeBackup(ctx context.Context, r api.BackupRequest, w io.Writer) error {
	client := a.client()
	defer client.Close()
	err := client.Backup(ctx, r, w)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.CodeNotRunning {
		return err
	}
	return node.Backup(a.dir, r, w)
}

// saved is where a backup is written to. Its errors are not the node's.
type saved struct{ io.Writer }

func (s saved) Write(b []byte) (int, error) {
	n, err := s.Writer.Write(b)
	return n, s.failed(err)
}

func (saved) failed(err error) error {
	if err == nil {
		return nil
	}
	return api.Errorf(api.CodeInternal, "make room there, or choose another place", "making the backup: %v", err)
}

// openBackup opens a backup; - is standard input. It reads no longer than ctx. total is its size in bytes, -1 if that is
// not known.
func (a *app) openBackup(ctx context.Context, file string) (in io.ReadCloser, total int64, err error) {
	from, closeFile := a.in, func() error { return nil }
	total = -1
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the backup: %w", err)
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			total = info.Size()
		}
		from, closeFile = f, f.Close
	}
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, from)
		w.CloseWithError(errors.Join(err, closeFile()))
	}()
	return r, total, nil
}
