package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/node"
	"cairn/node/home"
)

func (a *app) cmdBackupVerify() *cobra.Command {
	var k backupKeys
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Hold a backup to its digests, part by part",
		Long: `Read a backup to its end (- is standard input) and hold each part to its length, its SHA-256 and its form. What is damaged
is named; the exit code is 0 only if all of it is whole. No node is needed.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.readBackup(c.Context(), args[0], "verifying the backup", &k, func(r io.Reader) (*home.Contents, mailstore.DumpStats, error) {
				return home.Check(r, node.BackupFacts)
			})
			if err != nil && (d == nil || len(d.Parts) == 0) {
				return err
			}
			if err != nil {
				d.Error = a.failure(err)
			}
			printed := a.print(d, func(b *bytes.Buffer) { showBackup(b, d, err != nil) })
			if err != nil {
				return err
			}
			return printed
		},
	}
	k.flags(c)
	return c
}

// showBackup lists the parts of a backup as far as they could be read.
func showBackup(b *bytes.Buffer, d *backup, damaged bool) {
	fmt.Fprintf(b, "%s is %s\n", d.File, d.headline())
	if d.ChainID != "" {
		fmt.Fprintf(b, "  network       %s, chain %s\n  organisation  %s\n", line(d.Network, 0), line(d.ChainID, 0), line(d.OrgID, 0))
	}
	fmt.Fprintf(b, "  node          %s\n", line(d.Node, 0))
	if !damaged {
		fmt.Fprintf(b, "  mail          %s\n", d.holds())
	}
	rows := [][]string{{"PART", "BYTES", "STORED", "SHA-256", "STATE"}}
	for _, p := range d.Parts {
		state := "whole"
		if p.Damage != "" {
			state = "damaged: " + p.Damage
		}
		digest := "-" // of what was not read to its end
		if p.Digest != "" {
			digest = p.Digest[:16] + "…"
		}
		rows = append(rows, []string{p.Name, fmt.Sprint(p.Length), fmt.Sprint(p.Stored), digest, state})
	}
	table(b, rows)
}

func (a *app) cmdBackupRestore() *cobra.Command {
	var k backupKeys
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a node's directory of a backup",
		Long: `Make a node's directory of a backup (- is standard input). --dir has to be empty or missing, and is there only once all
of the backup is in it; if the command is killed, run it again.

The node that the backup was made of must not run any more: two nodes with the same keys contradict each other. What was
received and sent after the backup is not in it. In a network with parameters of version 1, a node that sent mail after its
backup was made receives mail once it is restored, but sends none to others: the numbers of its records are taken. Search
index and chain are made again when the node runs.`,
		Example: "  cairn backup restore --dir ~/alpha /backup/alpha",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now()
			w, err := home.Begin(a.dir) // before anybody is asked for a passphrase
			if err != nil {
				return err
			}
			defer w.Abandon()
			of, err := a.readBackup(c.Context(), args[0], "restoring the backup", &k, func(r io.Reader) (*home.Contents, mailstore.DumpStats, error) {
				return w.Restore(r, node.BackupFacts, now, slog.New(slog.DiscardHandler))
			})
			if err != nil {
				return err
			}
			d := &restored{backup: *of, Directory: a.dir, Restored: now.UTC().Truncate(time.Millisecond)}
			d.Warnings = a.warnings(of, a.dir)
			return a.print(d, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s holds the node of %s as of %s\n", d.Directory, line(d.Organisation, 0), moment(d.Made))
				for _, w := range d.Warnings {
					fmt.Fprintf(b, "  %s\n", line(w, 0))
				}
				fmt.Fprintf(b, "Next: %s\n", a.typable("cairn run"))
			})
		},
	}
	k.flags(c)
	return c
}

// restored is what "cairn backup restore" prints.
type restored struct {
	backup
	Directory string    `json:"directory"`
	Restored  time.Time `json:"restored"`
}

// warnings are what has to be known before the node runs that was restored in dir.
func (a *app) warnings(d *backup, dir string) []string {
	list := []string{
		"the node that it was made of must not run any more, here or elsewhere: two with the same keys contradict each other",
		"what was received and sent after " + moment(d.Made) + " is not in it",
	}
	if g, err := node.LoadNetwork(dir); err == nil && g.Params.Version < consensus.ParamsV2 {
		list = append(list, "in a network with parameters of version 1, if the node has sent mail since then, this one will send none to others: its numbers are taken, and its mail waits; "+
			"its status says so as \"not recorded\"")
	}
	if lost, err := node.LosesOthers(dir); err != nil {
		list = append(list, fmt.Sprintf("whether it finds the network again could not be seen: %v", err))
	} else if lost {
		list = append(list, "no address of another node is in the backup, and there were others: it mines and signs nothing until it has fetched the chain from one; "+
			"write one into p2p.bootstrap of "+node.ConfigFile+", or while it runs: "+a.typable(recorder.NextConnect))
	}
	if !d.HasOrgKey && d.ChainID == "" {
		list = append(list, "the organisation's key was not in the backup: put it into "+home.OrgKey+" before joining a network")
	} else if !d.HasOrgKey {
		list = append(list, "the organisation's key was not in the backup; the node runs without it")
	}
	return list
}

// readBackup opens a backup and its encryption, has it read, and tells what was found, also with an
// error.
func (a *app) readBackup(ctx context.Context, file, doing string, k *backupKeys,
	read func(io.Reader) (*home.Contents, mailstore.DumpStats, error)) (*backup, error) {
	in, err := a.decrypted(ctx, file, k)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	seen, done := a.octetProgress(doing, in.total)
	defer done()
	found, stats, err := read(io.TeeReader(in, seen))
	if found == nil {
		return nil, err
	}
	d := describe(file, found, stats, in.encrypted)
	if err != nil { // what of the mail was counted until then is not what is in it
		d.Accounts, d.Messages, d.Damaged = nil, nil, 0
	}
	return d, err
}

// plainBackup is a backup that is read without its encryption.
type plainBackup struct {
	io.Reader
	io.Closer
	encrypted bool
	total     int64 // size in bytes of the file, -1 if that is not known
}

// decrypted opens a backup and its encryption, if it has one.
func (a *app) decrypted(ctx context.Context, file string, k *backupKeys) (*plainBackup, error) {
	keys, err := a.openKeys(ctx, k)
	if err != nil {
		return nil, err
	}
	in, total, err := a.openBackup(ctx, file)
	if err != nil {
		return nil, err
	}
	plain, encrypted, err := home.Decrypt(in, keys)
	if err != nil {
		in.Close()
		return nil, err
	}
	return &plainBackup{plain, in, encrypted, total}, nil
}
