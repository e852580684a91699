package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/quota"
	"cairn/node/api"
	"cairn/testnet/readers"
)

// Bounds of what a shell is told while somebody waits with a finger on the tab key.
const (
	completionTime = time.Second
	completionMost = 50 // messages
)

// values lists what may stand in the place of a word that begins with begun; args are the words
// before it. Where it is not known, as no node runs, there is nothing.
type values func(ctx context.Context, c *api.Client, args []string, begun string) []string

// addCompletions tells the shell about values: of arguments by command, and of flags by name,
// wherever they are.
func (a *app) addCompletions(root *cobra.Command) {
	arguments := map[string]values{
		"show": refs, "label add": refsThenLabels, "label rm": refsThenLabels, "label ls": first(accounts),
		"search": queryWords, "export": queryWords, "query ls": first(accounts), "query add": first(accounts), "query rm": queryOfAccount, "account rm": first(accounts), "account set": accountSetting, "account address add": first(accounts), "account address rm": addressOfAccount,
		"chain block": first(fixed("tip")), "tls ls": first(tlsNames), "tls roll": first(tlsNames), "dkim ls": first(ownDomains), "dkim show": first(ownDomains), "dkim rotate": first(ownDomains),
		"org changes": first(orgDomains), "org attest": first(applications), "org node drop": first(ourNodes),
		"list host rm": first(hosted), "list host set": first(hosted), "list host members": first(hosted),
		"list host join": first(hosted), "list host leave": first(hosted),
		"queue show": first(queued), "queue retry": first(queued), "queue hold": first(queued), "queue release": first(queued), "queue drop": first(queued),
		"queue suppressed rm": first(suppressed), "reports show": first(reported), "limits forgive": first(limited), "org untrust": first(pinned), "org transport": first(orgDomains),
		"account passwd": first(accounts), "account app add": first(accounts), "account app rm": appOfAccount,
	}
	flags := map[string]values{
		"--account": accounts, "--query": queryWords, "--log": fixed("debug", "info", "warn", "error"),
		"init --network": fixed("new", "local"), "init --records": fixed("all", "some", "none"), "org update --records": fixed("all", "some", "none"), "org revoke --node": ourNodes, "init --mine": fixed("off", "10%", "50%", "1"),
		"list host set --post": fixed("members", "anyone"), "list host set --owner": addressesHere, "send --from": addressesHere, "send --hold": fixed("until-included", "none"), "org transport --policy": fixed("prefer-peer", "peer-only"), "org transport --hold": fixed("until-included", "none"),
		"export --format": fixed("maildir", "mbox"), "bench readers --readers": foreignReaders, "reports ls --domain": ownDomains, "reports sent --domain": reportedTo,
	}
	for _, c := range []string{"ls", "retry", "hold", "release", "drop"} {
		flags["queue "+c+" --domain"], flags["queue "+c+" --from"] = queuedDomains, queuedSenders
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		path := strings.TrimPrefix(c.CommandPath(), root.Name()+" ")
		if v, ok := arguments[path]; ok {
			c.ValidArgsFunction = a.complements(v)
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			v, ok := flags[path+" --"+f.Name]
			if !ok {
				v, ok = flags["--"+f.Name]
			}
			if ok {
				_ = c.RegisterFlagCompletionFunc(f.Name, a.complements(v)) // it fails for a flag that is not there
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// complements makes of v what cobra asks. No file is meant where a value is.
func (a *app) complements(v values) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		ctx, cancel := context.WithTimeout(c.Context(), completionTime)
		defer cancel()
		client := a.client()
		defer client.Close()
		var list []cobra.Completion
		for _, s := range v(ctx, client, args, begun) {
			if strings.HasPrefix(s, begun) {
				list = append(list, clean(s))
			}
		}
		if len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !strings.HasSuffix(s, ":") }) {
			directive |= cobra.ShellCompDirectiveNoSpace // the value of the field follows
		}
		return list, directive
	}
}

// first is v for the first argument alone.
func first(v values) values {
	return func(ctx context.Context, c *api.Client, args []string, begun string) []string {
		if len(args) > 0 {
			return nil
		}
		return v(ctx, c, args, begun)
	}
}

func fixed(list ...string) values {
	return func(context.Context, *api.Client, []string, string) []string { return list }
}

func foreignReaders(context.Context, *api.Client, []string, string) (list []string) {
	for _, k := range readers.Kinds() {
		list = append(list, k.Name)
	}
	return list
}

func ownDomains(ctx context.Context, c *api.Client, _ []string, _ string) []string {
	s, err := c.Status(ctx)
	if err != nil {
		return nil
	}
	return s.Org.Domains
}

func tlsNames(ctx context.Context, c *api.Client, _ []string, _ string) (names []string) {
	if s, err := c.Status(ctx); err == nil {
		for _, c := range s.Certificates {
			names = append(names, c.Name)
		}
	}
	return names
}

func accounts(ctx context.Context, c *api.Client, _ []string, _ string) (names []string) {
	if l, err := c.Accounts(ctx); err == nil {
		for _, a := range l.Accounts {
			names = append(names, a.Name)
		}
	}
	return names
}

func addressesHere(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.Accounts(ctx); err == nil {
		for _, a := range l.Accounts {
			list = append(list, a.Addresses...)
		}
	}
	return list
}

// addressOfAccount is an account and then one of its addresses.
func addressOfAccount(ctx context.Context, c *api.Client, args []string, begun string) (list []string) {
	if len(args) == 0 {
		return accounts(ctx, c, args, begun)
	}
	if l, err := c.Accounts(ctx); err == nil && len(args) == 1 {
		for _, a := range l.Accounts {
			if strings.EqualFold(a.Name, args[0]) {
				list = append(list, a.Addresses...)
			}
		}
	}
	return list
}

func accountSetting(ctx context.Context, c *api.Client, args []string, begun string) []string {
	if len(args) == 1 {
		return []string{quota.Setting, verifier.SettingThreshold}
	}
	return first(accounts)(ctx, c, args, begun)
}

// queryOfAccount is an account and then one of its queries, by name.
func queryOfAccount(ctx context.Context, c *api.Client, args []string, begun string) (list []string) {
	if len(args) == 0 {
		return accounts(ctx, c, args, begun)
	}
	if l, err := c.Queries(ctx, api.QueriesRequest{Account: args[0]}); err == nil && len(args) == 1 {
		for _, q := range l.Queries {
			list = append(list, q.Name)
		}
	}
	return list
}

// appOfAccount is an account and then one of its app passwords, by name.
func appOfAccount(ctx context.Context, c *api.Client, args []string, begun string) (list []string) {
	if len(args) == 0 {
		return accounts(ctx, c, args, begun)
	}
	if l, err := c.Accounts(ctx); err == nil && len(args) == 1 {
		for _, a := range l.Accounts {
			if !strings.EqualFold(a.Name, args[0]) {
				continue
			}
			for _, p := range a.Apps {
				list = append(list, p.Name)
			}
		}
	}
	return list
}

// queued are the oldest entries of the queue, each with where it goes.
func queued(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	l, err := c.ListQueue(ctx, api.QueueSelection{})
	if err != nil {
		return nil
	}
	for _, e := range l.Entries[:min(len(l.Entries), completionMost)] {
		list = append(list, strconv.FormatUint(e.ID, 10)+"\t"+line("to "+strings.Join(e.Recipients, ", "), 60))
	}
	return list
}

// queuedDomains are those that mail in the queue goes to.
func queuedDomains(ctx context.Context, c *api.Client, _ []string, _ string) []string {
	return ofQueued(ctx, c, func(e *api.QueueEntry) string { return e.Domain })
}

// queuedSenders are the envelope senders of mail in the queue.
func queuedSenders(ctx context.Context, c *api.Client, _ []string, _ string) []string {
	return ofQueued(ctx, c, func(e *api.QueueEntry) string { return e.From })
}

// ofQueued is something of the mail in the queue, each once.
func ofQueued(ctx context.Context, c *api.Client, of func(e *api.QueueEntry) string) (list []string) {
	l, err := c.ListQueue(ctx, api.QueueSelection{})
	if err != nil {
		return nil
	}
	for i := range l.Entries {
		if v := of(&l.Entries[i]); v != "" && !slices.Contains(list, v) && len(list) < completionMost {
			list = append(list, v)
		}
	}
	return list
}

// suppressed are the addresses that mail is refused to.
func suppressed(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.ListSuppressed(ctx, ""); err == nil {
		for _, s := range l.Addresses {
			list = append(list, s.Address+"\tof "+s.Account)
		}
	}
	return list
}

// reported are the numbers of the newest reports.
func reported(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	l, err := c.ListReports(ctx, "")
	if err != nil {
		return nil
	}
	for _, r := range l.Reports[:min(len(l.Reports), completionMost)] {
		list = append(list, strconv.FormatUint(r.Number, 10)+"\t"+line(r.Kind+" of "+r.By, 60))
	}
	return list
}

// reportedTo are the domains that reports were sent to.
func reportedTo(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	l, err := c.ListSentReports(ctx, "")
	if err != nil {
		return nil
	}
	for _, r := range l.Reports {
		if len(list) < completionMost && !slices.Contains(list, r.Domain) {
			list = append(list, r.Domain)
		}
	}
	return list
}

// limited are the networks that something counts against, those that are kept out first.
func limited(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	l, err := c.Limits(ctx)
	if err != nil {
		return nil
	}
	for _, e := range l.Limits {
		if e.Prefix != "" && len(list) < completionMost {
			list = append(list, e.Prefix)
		}
	}
	return list
}

// pinned are the domains whose pin can be taken back.
func pinned(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.Pins(ctx); err == nil {
		for _, p := range l.Pins {
			if p.Source != string(verifier.SourceOwn) {
				list = append(list, p.Domain)
			}
		}
	}
	return list
}

func hosted(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.HostedLists(ctx); err == nil {
		for _, h := range l.Lists {
			list = append(list, h.Address)
		}
	}
	return list
}

// labels are those in use and those of the store's own, but for verdicts, which only the node
// gives.
func labels(ctx context.Context, c *api.Client, _ []string, _ string) []string {
	list := []string{mailstore.LabelInbox, mailstore.LabelUnread, mailstore.LabelSpam, mailstore.LabelDeleted}
	if l, err := c.Labels(ctx, ""); err == nil {
		for _, e := range l.Labels {
			if !strings.HasPrefix(e.Label, mailstore.VerdictPrefix) && !slices.Contains(list, e.Label) {
				list = append(list, e.Label)
			}
		}
	}
	return list
}

// refs are the latest messages, of one account if its name has been written, each with who wrote
// about what.
func refs(ctx context.Context, c *api.Client, args []string, begun string) (list []string) {
	r := api.SearchRequest{Limit: completionMost}
	if slash := strings.LastIndexByte(begun, '/'); slash > 0 {
		r.Account = begun[:slash]
	}
	if found, err := c.Search(ctx, r); err == nil {
		for _, m := range found.Messages {
			if !slices.Contains(args, m.Ref) {
				list = append(list, m.Ref+"\t"+line(m.From+": "+m.Subject, 60))
			}
		}
	}
	return list
}

func refsThenLabels(ctx context.Context, c *api.Client, args []string, begun string) []string {
	switch {
	case len(args) == 0:
		return refs(ctx, c, args, begun)
	case slices.ContainsFunc(args, func(s string) bool { return !api.IsRef(s) }):
		return labels(ctx, c, args, begun)
	}
	return append(labels(ctx, c, args, begun), refs(ctx, c, args, begun)...)
}

// queryWords are the fields of queries, and the values of those that have a fixed set of them.
func queryWords(ctx context.Context, c *api.Client, args []string, begun string) (list []string) {
	field, _, valued := strings.Cut(begun, ":")
	switch {
	case !valued:
		for _, name := range query.Names() {
			list = append(list, name+":")
		}
	case field == "verdict":
		for _, v := range record.Verdicts() {
			list = append(list, "verdict:"+string(v))
		}
	case field == "label" || field == "is":
		for _, l := range labels(ctx, c, args, begun) {
			list = append(list, field+":"+l)
		}
	}
	return list
}
