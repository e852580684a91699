package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/testnet/readers"
)

// benchReaders is what "cairn bench readers" prints.
type benchReaders struct {
	api.Document
	*readers.Report
	Skipped int     `json:"skipped"` // mails of the folder that are no use
	Seconds float64 `json:"seconds"`
}

func (a *app) cmdBenchReaders() *cobra.Command {
	o := readers.Options{Judge: readers.JudgeRecord}
	var names []string
	var from string
	c := &cobra.Command{
		Use:   "readers",
		Short: "Ask foreign mail programs whether verified mail is what was sent",
		Long: `Make mails that differ from recorded ones by every trick known to make mail programs disagree.
Whenever Cairn would call one verified, ask foreign programs what they show of it and of the recorded
mail: it has to be the same. Each difference is a finding, named by its mutations; the same seed makes
the same mails. The exit code is 0 only without findings.

The programs are those that are on this machine:
` + readerNames() + `.
A program that is missing is an error that says what to install.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Count < 1 {
				return usage(c, "--count %d: at least 1 mail", o.Count)
			}
			var err error
			if o.Readers, err = readers.Find(names); err != nil {
				return usage(c, "--readers: %v", err)
			}
			doc := &benchReaders{}
			if o.Bases, doc.Skipped, err = basesFrom(from); err != nil {
				return err
			}
			bar := a.countBar(o.Count, "mails made")
			o.Progress = func(made int) { bar.Set(made) }
			begin := time.Now()
			doc.Report, err = readers.Run(c.Context(), o)
			bar.Finish()
			switch {
			case errors.Is(err, context.Canceled):
				return api.Errorf(api.CodeInterrupted, "cairn bench readers",
					"asking the readers: interrupted")
			case errors.Is(err, readers.ErrUnknownFamily):
				return usage(c, "--only: %v", err)
			case errors.Is(err, readers.ErrNotInstalled):
				return api.Errorf(api.CodeNotFound,
					"cairn bench readers --readers "+readers.Installed(), "%v", err)
			case err != nil:
				return err
			}
			doc.Seconds = time.Since(begin).Round(100 * time.Millisecond).Seconds()
			if len(doc.Findings) > 0 {
				a.exit = 1
			}
			return a.print(doc, func(b *bytes.Buffer) { showBenchReaders(b, doc, o.Keep) })
		},
	}
	c.Flags().IntVar(&o.Count, "count", 100_000, "how many mails to make")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "what chance begins with")
	c.Flags().StringSliceVar(&names, "readers", nil,
		"the programs to ask, by name, with commas between; all without it")
	c.Flags().StringSliceVar(&o.Only, "only", nil,
		"families of mutations to use, as in honest,boundary; all without it")
	c.Flags().StringVar(&from, "from", "", "folder of mails to make mutants of, beside our own")
	c.Flags().StringVar(&o.Keep, "keep", "",
		"folder for the mails of findings, as NAME.a.eml (recorded) and NAME.b.eml (arrived)")
	return c
}

func readerNames() string {
	var names []string
	for _, k := range readers.Kinds() {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// basesFrom gives our own mails and those of a folder, if one is named.
func basesFrom(folder string) (bases []readers.Base, skipped int, err error) {
	if bases, err = readers.Bases(); err != nil || folder == "" {
		return bases, 0, err
	}
	more, skipped, err := readers.FolderBases(folder)
	return append(bases, more...), skipped, err
}

// maxFindingsShown bounds what people are told; the document has all.
const maxFindingsShown = 40

func showBenchReaders(b *bytes.Buffer, doc *benchReaders, keep string) {
	fmt.Fprintf(b, "%d mails made from %d with seed %d, %d of them verified, in %.0f s\n",
		doc.Pairs, doc.Bases, doc.Seed, doc.Verified, doc.Seconds)
	rows := [][]string{{"READER", "COMPARED", "FINDINGS", "NOT ASKED"}}
	for _, r := range doc.Readers {
		rows = append(rows, []string{r.Name, fmt.Sprint(r.Compared), fmt.Sprint(r.Findings),
			r.Cannot})
	}
	table(b, rows)
	if len(doc.Findings) == 0 {
		fmt.Fprintln(b, "No program shows anything else than was recorded.")
		return
	}
	for _, f := range doc.Findings[:min(len(doc.Findings), maxFindingsShown)] {
		tricks := strings.Join(slices.Concat(f.Odd, f.Mutations), " ")
		fmt.Fprintf(b, "%d-%d  %s, %s: %s shows another %s\n", doc.Seed, f.Number, line(f.Base, 40),
			line(tricks, 100), f.Reader, f.Field)
		fmt.Fprintf(b, "    recorded  %s\n    arrived   %s\n", line(f.A, 100), line(f.B, 100))
	}
	if more := len(doc.Findings) - maxFindingsShown; more > 0 {
		fmt.Fprintf(b, "and %s more; --json tells all\n", plural(more, "finding"))
	}
	if keep != "" {
		fmt.Fprintf(b, "The mails are in %s.\n", line(keep, 0))
	}
}
