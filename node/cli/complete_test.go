package cli

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cairn/node/api"
)

// completed gives what the shell is told for a command line whose last word has begun, and whether
// it may offer files. A flag that wants a value comes last.
func completed(t *testing.T, dir, words, begun string) (values string, files bool) {
	t.Helper()
	command, flag, _ := strings.Cut(words, " --")
	args := append(strings.Fields("__complete "+command), "--dir", dir)
	if flag != "" {
		args = append(args, "--"+flag)
	}
	code, out, errs := cairn(t, "", append(args, begun)...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d: %s", words, begun, code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := len(lines) - 1
	return strings.Join(lines[:last], " "), lines[last] == ":0"
}

func TestCompletion(t *testing.T) {
	d := &desk{found: api.SearchResult{Messages: []api.Summary{
		{Ref: "bob/2", From: "Al\x1bice", Subject: "two\tlines\nof it"}, {Ref: "bob/1", From: "x", Subject: "y"},
	}}, queue: api.QueueList{Entries: []api.QueueEntry{
		{ID: 7, Domain: "beta.example", Recipients: []string{"a@beta.example", "b@beta.example"}}, {ID: 12, Domain: "beta.example", Recipients: []string{"c@beta.example"}},
	}}, limits: api.LimitList{Limits: []api.Limited{{Prefix: "192.0.2.1/32"}, {Account: "alice"}}}}
	dir := at(t, d)
	for _, tt := range []struct{ words, begun, want string }{
		{"show", "", "bob/2\tAl\\x1bice: two lines of it bob/1\tx: y"},
		{"show", "bob/1", "bob/1\tx: y"},
		{"label ls", "a", "alice"},
		{"label ls alice", "", ""},
		{"label add bob/1", "inv", "invoices"},
		{"label add bob/1", "b", "bob/2\tAl\\x1bice: two lines of it"},
		{"label add bob/1 invoices", "b", ""},
		{"label rm bob/1", "ver", ""},
		{"search", "ver", "verdict:"},
		{"search", "verdict:v", "verdict:verified verdict:vouched"},
		{"search", "label:in", "label:inbox label:invoices"},
		{"search", "is:unr", "is:unread"},
		{"search --account", "", "alice bob"},
		{"label add --query", "fro", "from:"},
		{"account rm", "b", "bob"},
		{"account set bob", "", "quota threshold"},
		{"init --network", "", "new local"},
		{"init --records", "s", "some"},
		{"run --log", "w", "warn"},
		{"send --from", "al", "alice@alpha.example"},
		{"list host set --post", "", "members anyone"},
		{"list host members", "", "devs@alpha.example"},
		{"list ls --account", "a", "alice"},
		{"chain block", "", "tip"},
		{"org update --records", "s", "some"},
		{"org node drop", "", "aa"},
		{"org revoke --node", "", "aa"},
		{"org attest", "b", "bb\tenrol of \"Beta\""},
		{"org changes", "", "beta.example\tBeta"},
		{"queue show", "", "7\tto a@beta.example, b@beta.example 12\tto c@beta.example"},
		{"queue drop", "1", "12\tto c@beta.example"},
		{"queue hold 7", "", ""},
		{"queue retry --domain", "", "beta.example"},
		{"queue suppressed rm", "", "gone@beta.example\tof alice"},
		{"reports show", "", "3\tdmarc of Far"},
		{"limits forgive", "", "192.0.2.1/32"},
		{"limits forgive --account", "b", "bob"},
		{"org untrust", "", "gamma.example"},
		{"account passwd", "a", "alice"},
		{"account app rm", "b", "bob"},
		{"account app rm bob", "", "phone"},
		{"bench readers --readers", "python-d", "python-default"},
	} {
		if got, files := completed(t, dir, tt.words, tt.begun); got != tt.want || files {
			t.Errorf("%s %q: %q, want %q; files %v", tt.words, tt.begun, got, tt.want, files)
		}
	}
	if got, files := completed(t, dir, "show", "no"); got != "" || files {
		t.Errorf("a word that begins no message: %q, files %v", got, files)
	}
	if _, files := completed(t, dir, "verify", ""); !files {
		t.Error("verify takes files, and none are offered")
	}
	d.err = errors.New("no")
	if got, _ := completed(t, dir, "show", ""); got != "" {
		t.Errorf("a node that fails: %q", got)
	}
	if got, _ := completed(t, t.TempDir(), "search", "verdict:c"); got != "verdict:changed" {
		t.Errorf("without a node: %q", got)
	}
}

func (d *desk) ListSuppressed(context.Context, string) (*api.SuppressedList, error) {
	return &api.SuppressedList{Addresses: []api.SuppressedAddress{{Account: "alice", Address: "gone@beta.example"}}}, d.err
}

func (d *desk) ListReports(context.Context, string) (*api.ReportList, error) {
	return &api.ReportList{Total: 1, Reports: []api.ReportSummary{{Number: 3, Kind: "dmarc", By: "Far"}}}, d.err
}

func (d *desk) Pins(context.Context) (*api.PinList, error) {
	return &api.PinList{Pins: []api.Pin{{Domain: "alpha.example", Source: "own"}, {Domain: "gamma.example", Source: "trust"}}}, d.err
}
