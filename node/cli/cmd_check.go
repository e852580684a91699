package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
)

// checkup is what "cairn check" prints.
type checkup struct {
	api.Document
	Directory string         `json:"directory"`
	Sound     bool           `json:"sound"` // nothing is damaged, or all of it was mended
	Parts     []node.Checked `json:"parts"`
}

func (a *app) cmdCheck() *cobra.Command {
	var repair bool
	var from []string
	var k backupKeys
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for damage in what the node has on its disk",
		Long: `Read all that a node has on its disk, while it does not run, and say what of it is damaged: the files of its three databases,
whether the mail store is as far as it was, each value and mail in it, the search index held to the mail, and the chain,
which is validated from genesis on. The exit code is 0 if all is sound.

With --repair, index and chain are made anew if they are damaged, what follows from the rest is made anew in the mail store,
and a mail store that is older than it was is taken as it is: what is missing in it is lost then. Keep a copy of the directory
before.

Texts of mail that are damaged are in backups only: each --from names one, - is standard input, and texts that are missing are
put back from it, by their SHA-256. Nothing else of a backup is taken; the newest that is older than the damage has most of them.

A running node has looked at what it could when it started, and tells of damage that it comes upon; stop it for this.`,
		Example: "  cairn check --repair --from /backup/alpha",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(from) > 0 && !repair {
				return usage(c, "--from puts back what is damaged: give it with --repair")
			}
			if i := slices.Index(from, "-"); i >= 0 && slices.Contains(from[i+1:], "-") {
				return usage(c, "--from - is given twice, and standard input can be read once")
			}
			o := node.CheckOptions{Repair: repair, Now: time.Now()}
			for _, file := range from {
				o.Backups = append(o.Backups, node.BackupFile{Name: file, Open: func() (io.ReadCloser, error) { return a.decrypted(c.Context(), file, &k) }})
			}
			progress, done := a.checkProgress()
			o.Progress = progress
			parts, err := node.Check(c.Context(), a.dir, o)
			done()
			if err != nil {
				return err
			}
			d := &checkup{Directory: a.dir, Sound: true, Parts: parts}
			for i := range parts {
				if parts[i].State == node.CheckDamaged {
					d.Sound, a.exit = false, 1
				}
				if parts[i].Faults == nil {
					parts[i].Faults = []node.CheckFault{}
				}
			}
			return a.print(d, func(b *bytes.Buffer) { showCheck(b, d) })
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "mend what can be mended, and take a mail store that is older than it was as it is")
	c.Flags().StringArrayVar(&from, "from", nil, "put back texts of mail that are damaged from this backup; may be given several times")
	k.flags(c)
	return c
}

func showCheck(b *bytes.Buffer, d *checkup) {
	verdict := "all is sound"
	switch {
	case !d.Sound:
		verdict = "something is damaged"
	case slices.ContainsFunc(d.Parts, func(p node.Checked) bool { return p.State == node.CheckMended }):
		verdict = "the node can run, with what was mended or given up"
	}
	fmt.Fprintf(b, "%s: %s\n", d.Directory, verdict)
	for _, p := range d.Parts {
		fmt.Fprintf(b, "  %-10s %s: %s\n", p.Part, p.State, line(p.Seen, 0))
		for _, f := range p.Faults {
			fmt.Fprintf(b, "    %s\n", line(f.Text, 0))
			if f.Next != "" {
				fmt.Fprintf(b, "      %s\n", line(f.Next, 0))
			}
		}
	}
}

// checkProgress shows what is looked at, to people only. done ends it.
func (a *app) checkProgress() (progress func(doing string, done, of uint64), done func()) {
	if !isTerminal(a.err) {
		return func(string, uint64, uint64) {}, func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(a.err),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	progress = func(doing string, done, of uint64) {
		if of > 0 {
			doing = fmt.Sprintf("%s, %d of %d", doing, done, of)
		}
		bar.Describe(doing)
		bar.Add(1)
	}
	return progress, func() { bar.Finish() }
}
