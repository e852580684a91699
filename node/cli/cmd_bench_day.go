package cli

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/testnet/day"
)

// benchDay is what "cairn bench day" prints.
type benchDay struct {
	api.Document
	*day.Report
}

// Bounds on what a day may have: the world has that many addresses, and memory holds the account.
const (
	mostDomains = 10_000
	mostMails   = 1_000_000
	leastDay    = 10 * time.Second
)

func (a *app) cmdBenchDay() *cobra.Command {
	var o day.Options
	c := &cobra.Command{
		Use:   "day",
		Short: "Live a site's day of mail in some minutes, and account for each mail",
		Long: `Run a node on this machine, with mail servers and a DNS server of a small world around it, and live
a day of mail in some minutes: the times between attempts and until reports are as much shorter as
the day is. Of 300 domains 20 are down, 10 slow, 5 greylist and 3 refuse, and 2 mails of 100 that
leave are for people who are not there.

In the end each mail has to be where it belongs: delivered once, returned in one report, or waiting
for a domain that is down, with one report that says so; and memory must not have grown. The exit
code is 0 only then.`,
		Example: "  cairn bench day\n  cairn bench day --in 400 --out 100 --domains 15 --length 20s",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := dayOptions(c, &o); err != nil {
				return err
			}
			if c.Flags().Changed("dir") { // a node's usual directory is not for this
				o.Dir = a.dir
			}
			bar := a.countBar(o.In+o.Out, "mails handed over")
			o.Progress = func(done int) { bar.Set(done) }
			doc := &benchDay{}
			var err error
			doc.Report, err = day.Run(c.Context(), o)
			bar.Finish()
			switch {
			case c.Context().Err() != nil && err != nil:
				return api.Errorf(api.CodeInterrupted, "cairn bench day", "living a day of mail: interrupted")
			case errors.Is(err, day.ErrNoLoopback):
				return api.Errorf(api.CodeInvalid, "run it on a machine with Linux", "living a day of mail: %v", err)
			case err != nil:
				return fmt.Errorf("living a day of mail: %w", err)
			}
			if len(doc.Problems) > 0 {
				a.exit = 1
			}
			return a.print(doc, func(b *bytes.Buffer) { showBenchDay(b, doc.Report) })
		},
	}
	c.Flags().IntVar(&o.In, "in", day.MailsIn, "mails that arrive")
	c.Flags().IntVar(&o.Out, "out", day.MailsOut, "mails that leave")
	c.Flags().IntVar(&o.Domains, "domains", day.Domains, "domains that they leave for")
	c.Flags().DurationVar(&o.Length, "length", 4*time.Minute, "how long the day takes")
	return c
}

// dayOptions refuses a day that cannot be lived.
func dayOptions(c *cobra.Command, o *day.Options) error {
	switch {
	case o.In < 1 || o.In > mostMails:
		return usage(c, "--in %d: 1 to %d mails", o.In, mostMails)
	case o.Out < o.Domains || o.Out > mostMails:
		return usage(c, "--out %d: at least a mail for each domain, and at most %d", o.Out, mostMails)
	case o.Domains < day.Least || o.Domains > mostDomains:
		return usage(c, "--domains %d: %d to %d domains", o.Domains, day.Least, mostDomains)
	case o.Length < leastDay || o.Length > 24*time.Hour:
		return usage(c, "--length %v: from %v to a day", o.Length, leastDay)
	}
	return nil
}

func showBenchDay(b *bytes.Buffer, r *day.Report) {
	fmt.Fprintf(b, "%d mails in and %d out to %d domains on %d servers, in %.0f s for a day of %.0f s\n",
		r.In, r.Out, r.Domains, r.Hosts, r.Seconds, r.DaySeconds)
	rows := [][]string{{"DOMAINS", "", "MAILS", "TAKEN", "RETURNED", "WAITING", "TOLD SO"}}
	for _, k := range r.Rows {
		row := []string{string(k.Kind)}
		for _, n := range []int{k.Domains, k.Mails, k.Taken, k.Returned, k.Waiting, k.ToldDelay} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	table(b, rows)
	fmt.Fprintf(b, "At the end %d in the queue; %s suppressed; %d replies 4xx to who handed mail over; %.1f s behind.\n",
		r.Queued, plurals(r.Suppressed, "address", "addresses"), r.PutOff, r.Behind)
	fmt.Fprintf(b, "First delivery where all is well: median %.3f s, 99 of 100 within %.3f s, the last after %.3f s.\n",
		r.First.Median, r.First.P99, r.First.Most)
	fmt.Fprintf(b, "Memory in use in the quarters of the day, MB: %s; resident: %s.\n", quarters(r.Memory.Live), quarters(r.Memory.Resident))
	if len(r.Problems) == 0 {
		fmt.Fprintln(b, "Each mail is where it belongs.")
		return
	}
	fmt.Fprintf(b, "%s:\n", plural(len(r.Problems), "problem"))
	for _, p := range r.Problems[:min(len(r.Problems), maxFindingsShown)] {
		fmt.Fprintf(b, "  %s\n", line(p, 200))
	}
	if more := len(r.Problems) - maxFindingsShown; more > 0 {
		fmt.Fprintf(b, "and %s more; --json tells all\n", plural(more, "problem"))
	}
}

func quarters(of [4]int) string { return fmt.Sprintf("%d, %d, %d, %d", of[0], of[1], of[2], of[3]) }
