package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdQueue() *cobra.Command {
	var listed api.QueueSelection
	ls := &cobra.Command{
		Use:     "ls",
		Short:   "List the mail that is on its way out, and what it waits for",
		Example: "  cairn queue ls\n  cairn queue ls --domain beta.example\n  cairn queue ls --from alice@example.org",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, about((*api.Client).ListQueue, listed), func(b *bytes.Buffer, l *api.QueueList) { showQueue(b, l, &listed) })
		},
	}
	ls.Flags().StringVar(&listed.Domain, "domain", "", "only what goes to this domain")
	ls.Flags().StringVar(&listed.From, "from", "", "only what has this envelope sender; \"<>\": reports")
	ls.Flags().StringVar(&listed.Account, "account", "", "only what this account has sent")
	show := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one entry of the queue, with what became of its attempts",
		Example: "  cairn queue show 12",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := entryID(c, args[0])
			if err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).QueueEntry, api.QueueRequest{ID: id}), showEntry)
		},
	}
	var r api.QueueRequest
	retry := &cobra.Command{
		Use:   "retry ID",
		Short: "Have mail that waits for its next attempt tried now",
		Long: `Have an entry of the queue tried now instead of when the next attempt is due, or those that fit all of --domain, --from and --account that are
given, or with --all all of them.
What waits to be recorded goes on waiting: it does not leave without its record. What is held, since no block may hold its record, stays held.`,
		Example: "  cairn queue retry 12\n  cairn queue retry --domain beta.example",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := which(c, args, &r); err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).RetryQueue, r), func(b *bytes.Buffer, d *api.QueueRetried) {
				switch {
				case d.WaitsFor != "":
					fmt.Fprintf(b, "not tried now, it waits for %s\n", line(waits(&api.QueueEntry{WaitsFor: d.WaitsFor, Why: d.Why}, time.Now()), 0))
					return
				case d.Due == 0:
					fmt.Fprintln(b, "nothing was waiting for its next attempt")
					return
				}
				fmt.Fprintf(b, "tried now: %d\n", d.Due)
			})
		},
	}
	whichFlags(retry, &r)
	return group("queue", "Mail on its way out: what it waits for, and why", ls, show, retry, a.cmdQueueHold(), a.cmdQueueRelease(), a.cmdQueueDrop(), a.cmdSuppressed())
}

func (a *app) cmdQueueHold() *cobra.Command {
	var r api.QueueRequest
	c := &cobra.Command{
		Use:   "hold ID",
		Short: "Hold mail back until it is released or dropped",
		Long: `Hold an entry of the queue back, or those in it now that fit all of --domain, --from and --account that are given, or with --all all that are.
What is held is not carried and not returned, however long that takes; mail that comes later is not held. An attempt that is under way goes on.`,
		Example: "  cairn queue hold 12\n  cairn queue hold --domain beta.example\n  cairn queue hold --account alice",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := which(c, args, &r); err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).HoldQueue, r), func(b *bytes.Buffer, d *api.QueueChanged) { fmt.Fprintf(b, "held: %d\n", d.Entries) })
		},
	}
	whichFlags(c, &r)
	return c
}

func (a *app) cmdQueueRelease() *cobra.Command {
	var r api.QueueRequest
	c := &cobra.Command{
		Use:   "release ID",
		Short: "Have mail carried that was held",
		Long: `Have an entry of the queue carried that was held, or those that fit all of --domain, --from and --account that are given, or with --all all of
them.`,
		Example: "  cairn queue release 12\n  cairn queue release --all",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := which(c, args, &r); err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).ReleaseQueue, r), func(b *bytes.Buffer, d *api.QueueChanged) { fmt.Fprintf(b, "released: %d\n", d.Entries) })
		},
	}
	whichFlags(c, &r)
	return c
}

func (a *app) cmdQueueDrop() *cobra.Command {
	var r api.QueueDrop
	c := &cobra.Command{
		Use:   "drop ID",
		Short: "Take mail out of the queue, and tell its sender",
		Long: `Take an entry out of the queue, or those that fit all of --domain, --from and --account that are given, or with --all all of them: they are not
delivered to their recipients. Their senders get reports, unless --silent. The sent copies stay.
While an attempt is under way an entry cannot be dropped.`,
		Example: "  cairn queue drop 12\n  cairn queue drop 12 --silent\n  cairn queue drop --account alice --silent",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := which(c, args, &r.QueueRequest); err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).DropQueue, r), func(b *bytes.Buffer, d *api.QueueChanged) { showDropped(b, d, r.ID != 0) })
		},
	}
	whichFlags(c, &r.QueueRequest)
	c.Flags().BoolVar(&r.Silent, "silent", false, "send no report")
	return c
}

// showDropped shows what was dropped: one that was named, or some.
func showDropped(b *bytes.Buffer, d *api.QueueChanged, one bool) {
	told := "nobody is told"
	switch {
	case d.To != "":
		told = "a report goes to " + line(d.To, 0)
	case d.Reports > 0:
		told = fmt.Sprintf("the senders of %d are told", d.Reports)
	}
	if one {
		fmt.Fprintf(b, "dropped; %s\n", told)
		return
	}
	fmt.Fprintf(b, "dropped: %d; %s\n", d.Entries, told)
	if d.UnderWay > 0 {
		fmt.Fprintf(b, "not dropped: %d, which are tried now and may succeed; hold them, and try again\n", d.UnderWay)
	}
	if d.Damaged != "" {
		fmt.Fprintf(b, "not dropped, since damaged: %s\n", line(d.Damaged, 0))
	}
}

// which reads what entries a command is about: one, or some, or all.
func which(c *cobra.Command, args []string, r *api.QueueRequest) (err error) {
	one, some := len(args) > 0, r.Domain != "" || r.From != "" || r.Account != ""
	if one && some || one && r.All || some && r.All || !one && !some && !r.All {
		return usage(c, "name one entry of the queue, or choose some by --domain, --from and --account, or give --all; not two of these")
	}
	if one {
		r.ID, err = entryID(c, args[0])
	}
	return err
}

func whichFlags(c *cobra.Command, r *api.QueueRequest) {
	c.Flags().StringVar(&r.Domain, "domain", "", "what goes to this domain")
	c.Flags().StringVar(&r.From, "from", "", "what has this envelope sender; \"<>\": reports")
	c.Flags().StringVar(&r.Account, "account", "", "what this account has sent")
	c.Flags().BoolVar(&r.All, "all", false, "all that is in the queue")
}

// entryID reads the number of an entry.
func entryID(c *cobra.Command, arg string) (uint64, error) {
	id, err := strconv.ParseUint(arg, 10, 64)
	if err != nil || id == 0 {
		return 0, usage(c, "%q is no number of the queue, as queue ls shows them", arg)
	}
	return id, nil
}

// mostHints is of how many entries it is listed what to do.
const mostHints = 5

// showQueue shows the entries of a selection.
func showQueue(b *bytes.Buffer, l *api.QueueList, of *api.QueueSelection) {
	if l.Total == 0 && l.Damaged == "" {
		var which string
		for _, s := range [][2]string{{" to ", of.Domain}, {" from ", of.From}, {" of the account ", of.Account}} {
			if s[1] != "" {
				which += s[0] + line(s[1], 0)
			}
		}
		fmt.Fprintf(b, "no mail is on its way out%s\n", which)
		return
	}
	now := time.Now()
	rows := [][]string{{"ID", "AGE", "FROM", "TO", "TRIED", "WAITS FOR", "LAST ERROR"}}
	for i := range l.Entries {
		e := &l.Entries[i]
		to := e.Domain
		if n := len(e.Recipients); n > 1 {
			to = fmt.Sprintf("%s (%d)", e.Domain, n)
		}
		rows = append(rows, []string{
			fmt.Sprint(e.ID), span(now.Sub(e.Created)), entryFrom(e), to, fmt.Sprint(e.Attempts), waits(e, now), line(e.LastError, 160),
		})
	}
	if len(l.Entries) > 0 {
		table(b, rows)
	}
	if more := l.Total - len(l.Entries); more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
	told, untold := make(map[string]bool), 0
	for _, e := range l.Entries {
		if e.Next != "" && !told[e.Next] {
			if told[e.Next] = true; len(told) > mostHints {
				untold++
				continue
			}
			about := e.Domain
			if e.WaitsFor == api.WaitsRecord {
				about = "what waits for its record"
			}
			fmt.Fprintf(b, "for %s: %s\n", about, e.Next)
		}
	}
	if untold > 0 {
		fmt.Fprintf(b, "and %d more, as queue show tells of each\n", untold)
	}
	if l.Damaged != "" {
		fmt.Fprintf(b, "damaged, and among those that are not listed: %s\n", line(l.Damaged, 0))
	}
}

func showEntry(b *bytes.Buffer, e *api.QueueItem) {
	now := time.Now()
	fmt.Fprintf(b, "%d to %s\n", e.ID, strings.Join(e.Recipients, ", "))
	for _, row := range [][2]string{
		{"from", entryFrom(&e.QueueEntry)}, {"message", e.Message}, {"ref", e.Ref},
		{"queued", fmt.Sprintf("%s, %s ago", moment(e.Created), span(now.Sub(e.Created)))},
		{"waits for", waits(&e.QueueEntry, now)},
	} {
		if row[1] != "" {
			fmt.Fprintf(b, "  %-9s %s\n", row[0], line(row[1], 0))
		}
	}
	if e.RequireTLS {
		fmt.Fprintf(b, "  TLS       has to be verified all the way (REQUIRETLS)\n")
	}
	if e.Unclear {
		fmt.Fprintf(b, "  unclear   a node of %s may have it, since the reply to it was lost: that one is asked\n", line(e.Domain, 0))
	}
	if e.Next != "" {
		fmt.Fprintf(b, "  try       %s\n", e.Next)
	}
	for _, h := range e.History {
		fmt.Fprintf(b, "  tried     %s: %s\n", moment(h.Time), line(h.Result, 0))
	}
}

func entryFrom(e *api.QueueEntry) string {
	if e.From == "" {
		return "a report"
	}
	return e.From
}

// waits says what an entry waits for.
func waits(e *api.QueueEntry, now time.Time) string {
	switch e.WaitsFor {
	case api.WaitsRecord:
		if e.Why != "" {
			return "its record: " + e.Why
		}
		return "its record"
	case api.WaitsDelivery:
		return "its delivery here, without a record: " + e.Why
	case api.WaitsHeld:
		return "its block: " + e.Why
	case api.WaitsBlock:
		return "its block: it is held until its record is in one"
	case api.WaitsRelease:
		return "its release: somebody holds it"
	case api.WaitsAttempt:
		return "the next attempt, in " + span(e.NextAttempt.Sub(now))
	}
	return "nothing, it is on its way"
}

// span tells a duration to people, in its greatest unit.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
