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

	"cairn/consensus/record"
	"cairn/node/api"
)

// verified is what "cairn verify" prints.
type verified struct {
	api.Document
	Files []verifiedFile `json:"files"`
}

// verifiedFile has either a verdict or why there is none.
type verifiedFile struct {
	File string `json:"file"`
	*api.Verification
	Error *api.Error `json:"error,omitempty"`
}

func (a *app) cmdVerify() *cobra.Command {
	var recipients []string
	c := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Judge messages in files by their records",
		Long: `Judge messages in files (- is standard input) by their records, against the chain of the running node.

The exit code tells the worst verdict: 8 missing, replayed or invalid; 4 changed; 3 unrecorded or vouched; 5 pending; 0 verified.
A file that cannot be judged is worse than any; the others are judged all the same.`,
		Args: between(1, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			to, err := envelope(c, recipients)
			if err := errors.Join(err, oneStdin(c, args)); err != nil {
				return err
			}
			client := a.client()
			defer client.Close()
			doc := &verified{}
			var failed *api.Error // the first of a file, or that of all
			for _, file := range args {
				v, ofFile, err := a.verify(c.Context(), client, file, to)
				if err != nil && len(args) == 1 {
					return err
				}
				f := verifiedFile{File: file, Verification: v}
				if err == nil {
					a.exit = worse(a.exit, verdictExit(record.Verdict(v.Verdict)))
				} else if f.Error = a.failure(err); failed == nil || !ofFile {
					failed = f.Error
				}
				doc.Files = append(doc.Files, f)
				if err := a.tellVerified(f, len(args) > 1); err != nil {
					return err
				}
				if !ofFile {
					break // no other can be judged either
				}
			}
			if failed != nil {
				a.exit = failed.ExitCode()
			}
			if !a.json {
				return nil
			}
			return a.encode(doc)
		},
	}
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "address the message was delivered to, to be checked too")
	return c
}

// verify has the message in a file judged by the node. ofFile says that an error is about that
// file, which it names then, and not about all.
func (a *app) verify(ctx context.Context, client *api.Client, file string, to []string) (v *api.Verification, ofFile bool, err error) {
	raw, err := a.read(ctx, file)
	if err != nil {
		return nil, ctx.Err() == nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if err := checkMail(file, raw); err != nil {
		return nil, true, err
	}
	if v, err = client.Verify(ctx, api.VerifyRequest{Raw: raw, Recipients: to}); err != nil {
		e := *explain(err)
		if ofFile = e.Code == api.CodeInvalid || e.Code == api.CodeTooLarge; ofFile {
			e.Message = "judging " + file + ": " + e.Message
		}
		return nil, ofFile, &e
	}
	v.Document = api.Document{} // the version is of the whole answer
	return v, true, nil
}

// tellVerified prints what was found about a file as soon as it is; errors go to standard error in
// both forms.
func (a *app) tellVerified(f verifiedFile, named bool) error {
	if f.Error != nil {
		a.tell(f.Error)
	}
	if a.json || f.Error != nil {
		return nil
	}
	return a.print(nil, func(b *bytes.Buffer) {
		if named {
			fmt.Fprintf(b, "%s\n", line(f.File, 0))
		}
		showVerification(b, f.Verification)
	})
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
		head += ", recorded by " + named(v.Org, 0)
		if v.OrgNow != "" {
			head += " (now " + named(v.OrgNow, 0) + ")"
		}
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
