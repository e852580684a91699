package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/consensus/record"
	"cairn/node/api"
)

// verified is what "cairn verify" prints.
type verified struct {
	api.Document
	Files []verifiedFile `json:"files"`
}

type verifiedFile struct {
	File string `json:"file"`
	*api.Verification
}

func (a *app) cmdVerify() *cobra.Command {
	var recipients []string
	c := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Judge messages in files by their records",
		Long: `Judge messages in files (- is standard input) by their records, against the chain of the running node.

The exit code tells the worst verdict: 8 missing, replayed or invalid; 4 changed; 3 unrecorded or vouched; 5 pending; 0 verified.`,
		Args: between(1, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			to, err := envelope(c, recipients)
			if err := errors.Join(err, oneStdin(c, args)); err != nil {
				return err
			}
			client := a.client()
			defer client.Close()
			doc := &verified{}
			for _, file := range args {
				raw, err := a.read(c.Context(), file)
				if err != nil {
					return fmt.Errorf("reading %s: %w", file, err)
				}
				if err := checkMail(file, raw); err != nil {
					return err
				}
				v, err := client.Verify(c.Context(), api.VerifyRequest{Raw: raw, Recipients: to})
				if err != nil {
					return err
				}
				v.Document = api.Document{} // the version is of the whole answer
				doc.Files = append(doc.Files, verifiedFile{file, v})
				a.exit = worse(a.exit, verdictExit(record.Verdict(v.Verdict)))
			}
			return a.print(doc, func(b *bytes.Buffer) {
				for _, f := range doc.Files {
					if len(doc.Files) > 1 {
						fmt.Fprintf(b, "%s\n", line(f.File, 0))
					}
					showVerification(b, f.Verification)
				}
			})
		},
	}
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "address the message was delivered to, to be checked too")
	return c
}

// verdictExit is the exit code of a verdict.
func verdictExit(v record.Verdict) int {
	switch v {
	case record.Verified:
		return 0
	case record.Vouched, record.Unrecorded:
		return 3
	case record.Differs:
		return 4
	case record.Pending:
		return 5
	}
	return 8
}

// worse picks the exit code that a script should see first.
func worse(a, b int) int {
	order := []int{0, 5, 3, 4, 8}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// showVerification writes the verdict line, the reasons and the parts that are not as recorded.
func showVerification(b *bytes.Buffer, v *api.Verification) {
	head := "Verdict: " + v.Verdict
	if v.Org != "" {
		head += ", recorded by " + line(v.Org, 0)
	}
	if v.Block != nil {
		head += fmt.Sprintf(" in block %d of %s", v.Block.Height, clock(v.Block.Time))
	}
	fmt.Fprintln(b, head)
	if times := timesOf(v); times != "" {
		fmt.Fprintf(b, "  %s\n", times)
	}
	if len(v.FiledWhy) > 0 {
		fmt.Fprintf(b, "  filed under %s: %s\n", v.FiledUnder, line(strings.Join(v.FiledWhy, "; "), 0))
	}
	for _, r := range v.Reasons {
		if !strings.Contains(head, r) {
			fmt.Fprintf(b, "  %s\n", line(r, 0))
		}
	}
	same := 0
	for _, p := range v.Parts {
		if p.Outcome == string(record.Same) {
			same++
		}
	}
	if len(v.Parts) > 0 {
		fmt.Fprintf(b, "  %d of %s same\n", same, plural(len(v.Parts), "component"))
	}
	showParts(b, v.Parts, v.Reasons)
}

// timesOf says when a message was recorded and when it arrived, as far as that is known.
func timesOf(v *api.Verification) string {
	var times []string
	if !v.Recorded.IsZero() {
		times = append(times, "recorded "+clock(v.Recorded))
	}
	if !v.Arrived.IsZero() {
		times = append(times, "arrived "+clock(v.Arrived))
	}
	return strings.Join(times, ", ")
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// showParts writes the parts that differ, but for what was said already.
func showParts(b *bytes.Buffer, parts []api.Part, said []string) {
	for _, p := range parts {
		if p.Outcome == string(record.Same) || strings.Contains(strings.Join(said, "\n"), p.Says) {
			continue
		}
		fmt.Fprintf(b, "  %-8s%s\n", p.Outcome, line(p.Says, 0))
	}
}
