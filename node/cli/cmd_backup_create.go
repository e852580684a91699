package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
)

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
			warnings := ""
			for _, w := range d.Warnings {
				warnings += "  " + w + "\n"
			}
			if args[0] == "-" {
				fmt.Fprint(a.err, clean(d.headline()+": "+d.holds()+"\n"+warnings))
				return nil
			}
			return a.print(d, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s is %s\n  %s\n%s", d.File, d.headline(), d.holds(), warnings)
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
	if d.HasOrgKey {
		d.Warnings = append(d.Warnings, "the organisation's key is in it: whoever can read it is the organisation")
	} else {
		d.Warnings = append(d.Warnings, "the organisation's key is not in it: keep a copy of "+home.OrgKey+" elsewhere")
	}
	if w := a.orgKeyNote(ctx); w != "" {
		d.Warnings = append(d.Warnings, w)
	}
	return d, nil
}

// orgKeyNote tells of an org key here that is not the one that signs: a former one does still,
// which is in no backup, or none of those that are here. Which one signs is known where the chain
// is.
func (a *app) orgKeyNote(ctx context.Context) string {
	former, err := node.FormerOrgKeys(a.dir)
	if err != nil {
		return fmt.Sprintf("whether a former key of the organisation signs still could not be seen, and they are in no backup: %v", err)
	}
	here, err := node.LoadOrgKey(a.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("whether %s signs for the organisation could not be seen: %v", home.OrgKey, err)
	}
	client := a.client()
	defer client.Close()
	status, err := client.Status(ctx)
	switch {
	case err != nil && len(former) == 0:
		return ""
	case err != nil:
		files := make([]string, len(former))
		for i, f := range former {
			files[i] = f.File
		}
		return "which key of the organisation signs is not known while the node does not run, and former ones are in no backup: keep a copy of " + strings.Join(files, ", ")
	}
	for _, f := range former {
		if f.Key.String() == status.Org.Key && status.Org.Enrolled {
			return "a key that is announced does not sign yet, and the one that does is in no backup: keep a copy of " + f.File
		}
	}
	if here == nil || !status.Org.Enrolled {
		return ""
	}
	key, pending := consensus.PublicKey(here).String(), status.Org.Pending
	if key == status.Org.Key || pending != nil && key == pending.Key {
		return ""
	}
	return home.OrgKey + " signs for the organisation no more, as another node brought another key: keep a copy of that one"
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
	found, stats, err := home.Check(io.TeeReader(r, out), node.BackupFacts)
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
	if made := node.Backup(a.dir, r, w); !errors.Is(made, node.ErrNotInitialised) {
		return made
	}
	return err // nothing is there that could run either
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
	if e := home.Explained(fmt.Errorf("making the backup: %w", err)); e != nil {
		return e
	}
	return api.Errorf(api.CodeInternal, "make room there, or choose another place", "making the backup: %v", err)
}
