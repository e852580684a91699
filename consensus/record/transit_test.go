package record_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// columns of transit/PAIRS.tsv and the component types they speak of.
var columns = []struct {
	column int
	name   string
	types  []message.Type
}{
	{4, "from", []message.Type{message.From, message.FromName}},
	{5, "to", []message.Type{message.To}},
	{6, "cc", []message.Type{message.Cc}},
	{7, "reply-to", []message.Type{message.ReplyTo}},
	{8, "date", []message.Type{message.Date}},
	{9, "subject", []message.Type{message.Subject}},
	{10, "message-id", []message.Type{message.MessageID}},
	{11, "references", []message.Type{message.References}},
	{12, "text", []message.Type{message.Text}},
	{13, "html", []message.Type{message.HTML}},
	{14, "attachments", []message.Type{message.Attachment, message.AttachmentName}},
}

// outcomeOf sums up the parts of some types on the level of PAIRS.tsv: same, absent (on both sides) or changed.
func outcomeOf(c record.Comparison, types []message.Type) string {
	outcome := "absent"
	for _, p := range c.Parts {
		for _, t := range types {
			if p.Type == t && p.Outcome != record.Same {
				return "changed"
			}
			if p.Type == t {
				outcome = "same"
			}
		}
	}
	return outcome
}

func level(expected string) string {
	if expected == "same" || expected == "absent" {
		return expected
	}
	return "changed"
}

// TestTransitPairs compares pairs of messages before and after real and synthetic transit with the outcomes that an independent comparator measured.
func TestTransitPairs(t *testing.T) {
	root := corpus(t)
	rows := transitRows(t, root)
	agree, benignRows := make([]int, len(columns)), 0
	notWanted := map[string]int{}
	for _, row := range rows {
		sent, received := pairOf(t, root, row)
		c := record.CompareMessages(sent, received)
		for i, col := range columns {
			got, want := outcomeOf(c, col.types), level(row[col.column])
			if col.name == "references" && got == "absent" {
				got = "same" // that column does not tell missing on both sides from equal
			}
			if got == want {
				agree[i]++
			} else if testing.Verbose() {
				t.Logf("%s %s: got %s, want %s (%s)", row[0], col.name, got, want, row[col.column])
			}
		}
		if row[3] == "tamper" {
			if c.AllSame() && c.Extra == 0 {
				t.Errorf("%s: a tampered message came out all same", row[0])
			}
			continue
		}
		benignRows++
		if !c.MayBeWanted() {
			notWanted[row[len(row)-1]]++
		}
	}
	for i, col := range columns {
		rate := float64(agree[i]) / float64(len(rows))
		t.Logf("%-12s %.1f %% of %d", col.name, 100*rate, len(rows))
		if rate < 0.95 {
			t.Errorf("%s: agreement %.3f, 0.95 expected", col.name, rate)
		}
	}
	for how, n := range notWanted {
		t.Logf("not wanted by comparison alone: %d x %s", n, how)
	}
}

// TestTransitByCommitments compares the same pairs with nothing but commitments on the sender's side: what is the same or not must come out as with
// both contents known, and most benign differences must be explained.
func TestTransitByCommitments(t *testing.T) {
	root := corpus(t)
	known, found := 0, 0
	for _, row := range transitRows(t, root) {
		sent, received := pairOf(t, root, row)
		full := record.CompareMessages(sent, received)
		secret := record.Secret(sha256.Sum256([]byte(row[0])))
		committed := record.Record{Version: record.RecordVersion, Commitments: record.Commit(secret, sent)}
		c := record.Compare(&record.Token{Secret: secret, Record: committed}, received)
		if c.Same != full.Same || c.Recorded != full.Recorded || c.Extra != full.Extra {
			t.Errorf("%s: by commitments %d of %d same, %d extra; by contents %d of %d, %d", row[0], c.Same, c.Recorded, c.Extra, full.Same, full.Recorded, full.Extra)
		}
		if full.MayBeWanted() {
			known++
			if c.MayBeWanted() {
				found++
			}
		} else if c.MayBeWanted() {
			t.Errorf("%s: may be wanted by commitments, but not by contents", row[0])
		}
	}
	t.Logf("benign with contents known: %d, of them explained by commitments alone: %d", known, found)
	if found*10 < known*9 {
		t.Errorf("only %d of %d benign pairs are explained by commitments alone", found, known)
	}
}

func corpus(t testing.TB) string {
	dir := os.Getenv("CAIRN_TESTDATA")
	if dir == "" {
		t.Skip("CAIRN_TESTDATA is not set")
	}
	return dir
}

func transitRows(t testing.TB, root string) [][]string {
	table, err := os.ReadFile(filepath.Join(root, "transit", "PAIRS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	reader := csv.NewReader(bytes.NewReader(table))
	reader.Comma, reader.LazyQuotes = '\t', true
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// pairOf returns the components of both messages of a row, without the trace: that differs with every hop that has no token above it.
func pairOf(t testing.TB, root string, row []string) (sent, received []message.Component) {
	return withoutTrace(read(t, filepath.Join(root, row[1]))), withoutTrace(read(t, filepath.Join(root, row[2])))
}

func read(t testing.TB, path string) []message.Component {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return message.Components(raw, nil)
}

func withoutTrace(comps []message.Component) []message.Component {
	var kept []message.Component
	for _, c := range comps {
		if c.Type < message.Route {
			kept = append(kept, c)
		}
	}
	return kept
}
