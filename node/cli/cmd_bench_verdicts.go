package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/consensus/record"
	"cairn/node/api"
	"cairn/testnet/verdicts"
)

// benchVerdicts is what "cairn bench verdicts" prints.
type benchVerdicts struct {
	api.Document
	Folder string   `json:"folder"`
	Unread []string `json:"unread,omitempty"` // words for a class that are none: their pairs are of no class
	*verdicts.Report
}

// verdictFlags are what a recipient knows, as given by hand.
type verdictFlags struct {
	direct     bool
	lists      []string
	mapFile    string
	bannerFile []string
}

func (a *app) cmdBenchVerdicts() *cobra.Command {
	var f verdictFlags
	c := &cobra.Command{
		Use:   "verdicts DIR",
		Short: "Judge pairs of messages, as sent and as received",
		Long: `Judge pairs of messages: one as its author sent it, one as it came out of relays and lists, or as
somebody changed it on the way. The first is recorded as by its sender's node, the second judged and
filed as by its recipient's node, and the table says what became of honest and of tampered mail.

DIR holds transit/PAIRS.tsv or PAIRS.tsv: tab-separated, with a header that names at least the
columns original and received, paths of message files; pair, class (benign or tamper) and how are
used where they are there. Without a table, files NAME.a.eml (sent) and NAME.b.eml (received) are a
pair each.

Each pair is judged twice: with nothing known, and with what its recipient would have configured:
the list that it came through, the address map of a relay and the banner of the own gateway, where
the words under how speak of one. Those are read off honest pairs; of a tampered pair nothing counts
but a list that its author wrote to. What is given by hand counts instead, for tampered pairs too; a
list for those that mention it.`,
		Example: "  cairn bench verdicts pairs\n" +
			"  cairn bench verdicts pairs --list devs@lists.example --banner banner.txt",
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := a.verdictOptions(c, &f)
			if err != nil {
				return err
			}
			entries, err := verdicts.Find(args[0])
			if err != nil {
				return pairsError(args[0], err)
			}
			bar := a.countBar(len(entries), "pairs judged")
			o.Progress = func(done int) { bar.Set(done) }
			doc := &benchVerdicts{Folder: args[0]}
			for _, e := range entries {
				if e.Said != "" && !slices.Contains(doc.Unread, e.Said) {
					doc.Unread = append(doc.Unread, e.Said)
				}
			}
			doc.Report, err = verdicts.Run(c.Context(), entries, o)
			bar.Finish()
			if errors.Is(err, context.Canceled) {
				return api.Errorf(api.CodeInterrupted, "cairn bench verdicts "+api.ShellWord(args[0]),
					"judging pairs: interrupted")
			}
			if err != nil {
				return fmt.Errorf("judging pairs: %w", err)
			}
			return a.print(doc, func(b *bytes.Buffer) { showBenchVerdicts(b, doc) })
		},
	}
	c.Flags().BoolVar(&f.direct, "direct", false, "judge with nothing known only")
	c.Flags().StringArrayVar(&f.lists, "list", nil,
		"posting address of a known list, for the pairs that mention it; may be given several times")
	c.Flags().StringVar(&f.mapFile, "map", "",
		"file with an address map, a line \"received = sent\" for each rule")
	c.Flags().StringArrayVar(&f.bannerFile, "banner", nil,
		"file with the exact text of a banner; may be given several times")
	return c
}

// verdictOptions reads what was given by hand.
func (a *app) verdictOptions(c *cobra.Command, f *verdictFlags) (o verdicts.Options, err error) {
	o = verdicts.Options{Direct: f.direct, At: time.Now()}
	byHand := len(f.lists) > 0 || f.mapFile != "" || len(f.bannerFile) > 0
	if f.direct && byHand {
		return o, usage(c, "--direct is with nothing known: leave out --list, --map and --banner")
	}
	if err := oneStdin(c, append(slices.Clone(f.bannerFile), f.mapFile)); err != nil {
		return o, err
	}
	addresses, err := bareAddresses(c, f.lists)
	if err != nil {
		return o, err
	}
	for _, address := range addresses {
		l := verdicts.ListAt(address)
		if l == nil {
			return o, usage(c, "--list %q is not a mail address", address)
		}
		o.Lists = append(o.Lists, *l)
	}
	if f.mapFile != "" {
		text, err := a.read(c.Context(), f.mapFile)
		if err != nil {
			return o, fmt.Errorf("reading the address map: %w", err)
		}
		if o.Map, err = record.ParseAddressMap(mapRules(string(text))); err != nil {
			return o, usage(c, "--map %s: %v", f.mapFile, err)
		}
	}
	if len(f.bannerFile) > record.MaxBanners {
		return o, usage(c, "%d banners; at most %d", len(f.bannerFile), record.MaxBanners)
	}
	for _, file := range f.bannerFile {
		text, err := a.read(c.Context(), file)
		if err != nil {
			return o, fmt.Errorf("reading the banner: %w", err)
		}
		banner, err := record.CheckBanner(string(text))
		if err != nil {
			return o, usage(c, "--banner %s: %v", file, err)
		}
		o.Banners = append(o.Banners, banner)
	}
	return o, nil
}

// mapRules are the lines of a file that are rules: not empty, and no comments.
func mapRules(text string) (rules []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			rules = append(rules, line)
		}
	}
	return rules
}

func pairsError(dir string, err error) error {
	switch {
	case errors.Is(err, verdicts.ErrNoPairs):
		return api.Errorf(api.CodeNotFound,
			"name a folder with PAIRS.tsv, or with files NAME.a.eml and NAME.b.eml",
			"finding pairs: %v", err)
	case errors.Is(err, verdicts.ErrTable):
		return api.Errorf(api.CodeInvalid,
			"mend the table: its first line names the columns original and received, whose paths are relative to its folder or the one above it",
			"finding pairs: %v", err)
	case errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.CodeNotFound, "check the name of the folder",
			"finding pairs: there is no %s", dir)
	}
	return fmt.Errorf("finding pairs: %w", err)
}
