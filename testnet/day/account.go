package day

import (
	"fmt"
	"slices"
	"strings"
)

// found is what there is at the end of a day. Mails are named by their IDs, recipients by their
// addresses.
type found struct {
	inbox    map[string]int      // mails that arrived, by id and account: see inboxKey
	servers  map[string]int      // recipients: how often a server took mail for them
	failures map[string][]string // recipients: the reports that say they failed, each by a name of its own
	delays   map[string]int      // recipients: how many reports say that they wait
	queued   map[string]int      // recipients: entries of the queue
	outcomes map[string]string   // recipients: what the sent copy says of them
	strange  []string            // what is in mailboxes or the queue, and nobody sent
}

func newFound() *found {
	return &found{
		inbox: map[string]int{}, servers: map[string]int{}, failures: map[string][]string{}, delays: map[string]int{},
		queued: map[string]int{}, outcomes: map[string]string{},
	}
}

func inboxKey(id string, user int) string { return id + " " + account(user) }

// Row is what became of the recipients of mail to domains of one kind, as they were found.
type Row struct {
	Kind      Kind `json:"kind"`
	Domains   int  `json:"domains"`
	Mails     int  `json:"mails"`
	Taken     int  `json:"taken"`    // recipients whose servers took it
	Returned  int  `json:"returned"` // recipients of whom a report says that they do not get it
	Waiting   int  `json:"waiting"`  // recipients
	ToldDelay int  `json:"told_delay"`
}

// account compares what was found with what had to become of each mail.
func (p *plan) account(f *found) (rows []Row, problems []string) {
	byKind := map[Kind]*Row{}
	for _, k := range Kinds() {
		rows = append(rows, Row{Kind: k})
	}
	for i := range rows {
		byKind[rows[i].Kind] = &rows[i]
	}
	for _, d := range p.domains {
		byKind[d.kind].Domains++
	}
	for _, m := range p.mails {
		if !m.out {
			if n := f.inbox[inboxKey(m.id, m.user)]; n != 1 {
				problems = append(problems, fmt.Sprintf("mail %s is in its mailbox %d times", m.id, n))
			}
			continue
		}
		r := byKind[m.kind]
		r.Mails++
		for _, to := range m.to {
			r.Taken += f.servers[to]
			r.Returned += len(f.failures[to])
			r.Waiting += f.queued[to]
			r.ToldDelay += f.delays[to]
			problems = append(problems, f.of(m, to)...)
		}
		if reports := f.reportsOf(m); m.fate == returned && len(reports) > 1 {
			problems = append(problems, fmt.Sprintf("mail %s came back in %d reports", m.id, len(reports)))
		}
	}
	return rows, append(problems, f.strange...)
}

// reportsOf names the reports about a mail.
func (f *found) reportsOf(m *mail) (names []string) {
	for _, to := range m.to {
		names = append(names, f.failures[to]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// want is what there is of a recipient of mail of some fate.
var want = map[fate]struct {
	taken, failures, queued int
	outcome                 string
}{
	delivered: {1, 0, 0, "accepted"},
	returned:  {0, 1, 0, "refused"},
	reported:  {1, 1, 0, "refused"},
	waiting:   {0, 0, 1, ""},
}

// of says what is wrong with one recipient.
func (f *found) of(m *mail, to string) (problems []string) {
	w := want[m.fate]
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s, which has to be %s: ", to, m.fate)+fmt.Sprintf(format, args...))
	}
	if n := f.servers[to]; n != w.taken {
		wrong("taken by a server %d times", n)
	}
	if n := len(f.failures[to]); n != w.failures {
		wrong("%d reports on failure", n)
	}
	if n := f.queued[to]; n != w.queued {
		wrong("%d entries in the queue", n)
	}
	if got := f.outcomes[to]; got != w.outcome {
		wrong("the sent copy says %q", got)
	}
	// Mail that was put off may have waited for longer than it seemed at first: it is told of once.
	if n := f.delays[to]; n > 1 || n == 0 && m.fate == waiting || n > 0 && (m.fate == returned || m.fate == reported) {
		wrong("%d reports on delay", n)
	}
	return problems
}

// settled reports whether all that has an end has come to it: what is queued is for domains that
// are down, and the senders of that were told.
func (p *plan) settled(queued []string, known *world) bool {
	down := map[string]bool{}
	for _, d := range p.domains {
		down[d.name] = d.kind == Down
	}
	for _, to := range queued {
		if _, name, _ := strings.Cut(to, "@"); !down[name] {
			return false
		}
	}
	return known == nil || known.idle()
}
