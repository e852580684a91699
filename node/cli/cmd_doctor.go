package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
	"cairn/node/doctor"
)

const (
	// trialTime is how long a mail that tries the way is followed, trialLook how often.
	trialTime, trialLook = time.Minute, time.Second / 2
)

func (a *app) cmdDoctor() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with the node, its DNS records and its way to others",
		Long: `Look at the node and at what others see of it: the addresses of its host name and their names, and for each domain MX, SPF, DKIM, DMARC, MTA-STS and
TLS reports; its certificate, listeners, clock, peers and stores, and whether a mail server outside takes its connections. Each finding says what was found, why that
matters, and the DNS record to publish or the next step. Where no node runs, it goes by the configuration.

With --send a mail goes to that address too, from the postmaster of the first domain, and is followed until it has left, for a minute at most. What is asked for has 30
seconds to answer. The exit status is 1 if something fails.`,
		Example: "  cairn doctor\n  cairn doctor --send bob@example.net",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := a.diagnose(c.Context(), to)
			if err != nil {
				return err
			}
			if d.Worst == string(doctor.Fail) {
				a.exit = 1
			}
			return a.print(d, func(b *bytes.Buffer) { showDiagnosis(b, d) })
		},
	}
	c.Flags().StringVar(&to, "send", "", "send a mail to this address, and follow it")
	return c
}

// diagnose asks the running node, or looks at the configuration of one that does not run.
func (a *app) diagnose(ctx context.Context, to string) (*api.Diagnosis, error) {
	client := a.client()
	defer client.Close()
	a.saysDoing("asking the DNS and others, for at most 30 seconds")
	d, err := client.Doctor(ctx, api.DoctorRequest{To: to})
	switch {
	case err == nil:
	case api.AsError(err).Code != api.CodeNotRunning:
		return nil, err
	default:
		return node.Examine(ctx, a.dir, to, time.Now())
	}
	if to == "" {
		return d, nil
	}
	a.saysDoing("sending a mail to " + line(to, 0) + ", and following it for at most a minute")
	found, err := tryWay(ctx, client, to)
	if err != nil {
		return nil, err
	}
	d.Findings = append(d.Findings, node.ViewFinding(&found))
	if found.Level == doctor.Fail || found.Level == doctor.Warn && d.Worst == string(doctor.OK) {
		d.Worst = string(found.Level)
	}
	return d, nil
}

// saysDoing tells whoever sits at the terminal what takes its time.
func (a *app) saysDoing(what string) {
	if isTerminal(a.err) {
		fmt.Fprintln(a.err, what)
	}
}

// tryWay sends a mail and says what became of it within trialTime.
func tryWay(ctx context.Context, client *api.Client, to string) (doctor.Finding, error) {
	s, err := client.Status(ctx)
	if err != nil {
		return doctor.Finding{}, err
	}
	from := "postmaster@" + s.Org.Domains[0]
	raw := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: A trial of the way from %s\r\n\r\nThis mail tries the way here. Nothing is to be done about it.\r\n", from, to, s.Hostname)
	sent, err := client.Send(ctx, api.SendRequest{From: from, To: []string{to}, Raw: []byte(raw)})
	if e := api.AsError(err); err != nil && e.Code == api.CodeInvalid { // refused, which is a finding
		return doctor.Sent(to, "refused", "this node", e.Message, ""), nil
	}
	if err != nil {
		return doctor.Finding{}, err
	}
	until, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	again := time.NewTicker(trialLook)
	defer again.Stop()
	for {
		m, err := client.Message(ctx, sent.Ref)
		if err != nil {
			return doctor.Finding{}, err
		}
		var last api.Delivery
		for _, d := range m.Deliveries {
			last = d
		}
		if last.State != "" && last.State != api.StateWaiting {
			return doctor.Sent(to, cmp.Or(stateWords[last.State], last.State), last.By, last.Reply, ""), nil
		}
		select {
		case <-again.C:
		case <-until.Done():
			if ctx.Err() != nil {
				return doctor.Finding{}, ctx.Err()
			}
			why := waits(&api.QueueEntry{WaitsFor: last.WaitsFor, Why: last.Why, NextAttempt: last.NextAttempt}, time.Now())
			return doctor.Sent(to, api.StateWaiting, last.By, last.Reply, why), nil
		}
	}
}

var levelWords = map[string]string{"ok": "ok", "warn": "WARN", "fail": "FAIL", "unknown": "?"}

// showDiagnosis prints findings, and how many there are of each level.
func showDiagnosis(b *bytes.Buffer, d *api.Diagnosis) {
	counts := make(map[string]int)
	for _, f := range d.Findings {
		counts[f.Level]++
		about := ""
		if f.About != "" {
			about = " " + line(f.About, 0)
		}
		fmt.Fprintf(b, "%-4s  %s%s: %s\n", levelWords[f.Level], f.ID, about, line(f.Found, 0))
		if f.Why != "" {
			fmt.Fprintf(b, "      %s\n", line(f.Why, 0))
		}
		for _, r := range f.Records {
			fmt.Fprintf(b, "      publish: %s\n", zoneLine(r))
		}
		if f.Next != "" {
			fmt.Fprintf(b, "      try: %s\n", line(f.Next, 0))
		}
	}
	fmt.Fprintf(b, "%s: %d ok, %d to look at, %d wrong, %d not known\n", d.Hostname, counts["ok"], counts["warn"], counts["fail"], counts["unknown"])
}

// zoneLine is a record as a line of a zone (RFC 1035, section 5.1). A text is in strings of 255
// octets at most.
func zoneLine(r api.ZoneRecord) string {
	if r.Type != "TXT" {
		return fmt.Sprintf("%s IN %s %s", r.Name, r.Type, r.Value)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s IN TXT", r.Name)
	text := r.Value
	for {
		n := min(len(text), 255)
		fmt.Fprintf(&b, " %q", text[:n])
		if text = text[n:]; text == "" {
			return b.String()
		}
	}
}
