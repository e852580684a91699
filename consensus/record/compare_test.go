package record_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestCompareScripts runs testdata/compare/*.txtar: a message as sent, as received, and what the
// comparison says of the pair, once with both contents known and once with the record's commitments
// and tags alone. "context" has what is known of the way, a line each: "forwarder DOMAIN ADDRESS",
// "list DOMAIN ADDRESS", "banner TEXT", "map RULE". "version 1" in it compares with a record of
// that.
func TestCompareScripts(t *testing.T) { eachScript(t, runScript) }

func eachScript(t *testing.T, run func(t *testing.T, file string)) {
	files, err := filepath.Glob("testdata/compare/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { run(t, file) })
	}
}

// script is one of testdata/compare, and what the comparison says of it by the name of its section.
type script struct {
	*txtar.Archive
	part map[string][]byte
	says map[string]record.Comparison
}

func readScript(t *testing.T, file string) script {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	part := map[string][]byte{}
	for _, f := range archive.Files {
		part[f.Name] = f.Data
	}
	sent := message.Dissect(part["sent"], strings.Fields(string(part["sent to"])))
	received := message.Dissect(part["received"], strings.Fields(string(part["received by"])))
	with, version := contextOf(t, string(part["context"]))
	if rcpts := strings.Fields(string(part["received by"])); len(rcpts) == 1 {
		with.Recipient = rcpts[0]
	}
	token := tokenOf(sent)
	if version == 1 {
		token = tokenOfV1(sent)
	}
	return script{archive, part, map[string]record.Comparison{
		"by contents":    record.CompareMessages(sent, received, with),
		"by commitments": record.Compare(token, received, with),
	}}
}

func runScript(t *testing.T, file string) {
	s := readScript(t, file)
	got := map[string]string{}
	for name, c := range s.says {
		got[name] = table(c)
	}
	for name := range got {
		if _, stated := s.part[name]; !stated {
			t.Errorf("the script does not say what it is %s", name)
		}
	}
	for i, f := range s.Files {
		want, checked := got[f.Name]
		if checked && *update {
			s.Files[i].Data = []byte(want)
		} else if checked && string(f.Data) != want {
			t.Errorf("%s:\n%s\nwant\n%s", f.Name, want, f.Data)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(s.Archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// contextOf reads the "context" of a script.
func contextOf(t *testing.T, text string) (with record.Context, version int) {
	version = record.RecordVersion
	var rules []string
	for line := range strings.Lines(text) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "forwarder", "list":
			domain, posting, _ := strings.Cut(rest, " ")
			with.Forwarder = &record.Forwarder{Domain: domain, Posting: posting, List: verb == "list"}
		case "banner":
			with.Banners = append(with.Banners, rest)
		case "map":
			rules = append(rules, rest)
		case "version":
			version = 1
		default:
			t.Fatalf("%q says nothing of the way", line)
		}
	}
	var err error
	if with.Map, err = record.ParseAddressMap(rules); err != nil {
		t.Fatal(err)
	}
	return with, version
}

// table is what a comparison says: the share, what comes of it, and each difference with a "!"
// where it decides alone, a "~" where it is a mark of the forwarder, and a "-" where the author's
// own is gone.
func table(c record.Comparison) string {
	kept, of := c.Counted()
	outcome := "may be wanted"
	switch {
	case c.AllSame():
		outcome = "all same"
	case c.Forwarded():
		outcome = "forwarded"
	case !c.MayBeWanted():
		outcome = "not wanted"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d kept, %d extra: %s\n", kept, of, c.Extra, outcome)
	for _, p := range c.Parts {
		if p.Outcome == record.Same && !p.Moved {
			continue
		}
		sign := " "
		switch {
		case c.Decides(p):
			sign = "!"
		case p.Mark:
			sign = "~"
		case !p.Kept && p.Outcome != record.Extra:
			sign = "-"
		}
		fmt.Fprintf(&b, "%s %s\n", sign, p)
	}
	if c.Forwarded() {
		fmt.Fprintf(&b, "= %s\n", c.Words("Jo"))
	}
	return b.String()
}
