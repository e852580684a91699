package record_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
)

// columns of transit/PAIRS.tsv and the component types they speak of.
var columns = []struct {
	column int
	name   string
	types  []message.Type
}{
	{4, "from", []message.Type{message.From, message.Names}},
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

// transitPair is a message before and after its way.
type transitPair struct {
	name, how      string
	tampered       bool
	row            []string
	sent, received []byte
}

// dissectTransit takes a message of a pair apart.
func dissectTransit(raw []byte) *message.Dissection { return message.DissectFile(raw, nil) }

var receivedPattern = regexp.MustCompile(`(?im)^received:.*\n([ \t].*\n)*`)

func transitPairs(t testing.TB, root string) []transitPair {
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
	var pairs []transitPair
	for _, row := range rows[1:] {
		p := transitPair{name: row[0], how: row[len(row)-1], tampered: row[3] == "tamper", row: row}
		p.sent, p.received = withoutTrace(t, root, row[1]), withoutTrace(t, root, row[2])
		pairs = append(pairs, p)
	}
	return pairs
}

// withoutTrace reads a message without its Received fields: these differ with every hop, since no
// token says where the way of the record begins.
func withoutTrace(t testing.TB, root, name string) []byte {
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	end := len(raw)
	for _, blank := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(raw, []byte(blank)); i >= 0 {
			end = min(end, i+1)
		}
	}
	return append(receivedPattern.ReplaceAll(raw[:end:end], nil), raw[end:]...)
}

// outcomeOf sums up the parts of some types on the level of PAIRS.tsv: same, absent (on both sides)
// or changed.
func outcomeOf(c record.Comparison, types []message.Type) string {
	outcome := "absent"
	for _, p := range c.Parts {
		for _, t := range types {
			if p.Type != t || t == message.Names && p.Index != uint16(message.From) {
				continue
			}
			if p.Outcome != record.Same {
				return "changed"
			}
			outcome = "same"
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

// TestTransitPairs compares pairs of messages before and after real and synthetic transit with the
// outcomes that an independent comparator measured.
func TestTransitPairs(t *testing.T) {
	pairs := transitPairs(t, testenv.Folder(t, "CAIRN_TESTDATA"))
	agree := make([]int, len(columns))
	for _, p := range pairs {
		c := record.CompareMessages(dissectTransit(p.sent), dissectTransit(p.received), record.Context{})
		for i, col := range columns {
			got, want := outcomeOf(c, col.types), level(p.row[col.column])
			if col.name == "references" && got == "absent" {
				got = "same" // that column does not tell missing on both sides from equal
			}
			if got == want {
				agree[i]++
			} else if testing.Verbose() {
				t.Logf("%s %s: got %s, want %s (%s)", p.name, col.name, got, want, p.row[col.column])
			}
		}
	}
	for i, col := range columns {
		rate := float64(agree[i]) / float64(len(pairs))
		t.Logf("%-12s %.1f %% of %d", col.name, 100*rate, len(pairs))
		if rate < 0.97 {
			t.Errorf("%s: agreement %.3f, 0.97 expected", col.name, rate)
		}
	}
}

// notWantedPairs are the honest pairs that do not count as wanted by commitments although all is
// known of the way that can be, and why.
var notWantedPairs = map[string]string{
	"mta-exd-016":            "the disclaimer fills a blank text that stands instead of the HTML",
	"mta-mmmunge-042":        "UTF-7: programs differ in whether they read it",
	"mta-mmstrip-016":        "the HTML was taken out, and the text beside it is blank",
	"mta-altremove-000":      "parts of parts were cut so that boundaries stand alone",
	"mta-altremove-001":      "what was behind the parts became text",
	"mta-altremove-037":      "parts of parts were cut so that boundaries stand alone",
	"mta-ref7-001":           "a message inside the message got a text of its own",
	"mta-ref7-009":           "a message inside the message has parts without a boundary, which became text",
	"mta-ref7-034":           "a message inside the message has parts without a boundary, which became text",
	"mta-ref7-027":           "the end of the parts became text of the HTML",
	"mta-ref7-040":           "a message inside the message that is none got header fields",
	"synth-refold-027":       "the boundary was written as RFC 2231 parameters",
	"synth-footer-042":       "UTF-7: programs differ in whether they read it",
	"synth-charset-utf8-021": "base64 behind an empty line, encoded anew",
	"synth-banner-042":       "UTF-7: programs differ in whether they read it",
	"synth-banner-035":       "the banner was put into a report too",
}

// TestTransitByCommitments: with nothing but commitments and tags of what was sent, whatever is
// known of the way, no tampered message is as recorded, wanted or vouched for, and honest ones are.
func TestTransitByCommitments(t *testing.T) {
	honest, wanted, verified, vouched := 0, 0, 0, 0
	for _, p := range transitPairs(t, testenv.Folder(t, "CAIRN_TESTDATA")) {
		sent, received := dissectTransit(p.sent), dissectTransit(p.received)
		token := tokenOf(sent)
		if p.tampered {
			for _, with := range plausible(&p) {
				if c := record.Compare(token, received, with); c.AllSame() || c.MayBeWanted() || c.Forwarded() {
					t.Errorf("%s: tampered, but all same %v, wanted %v, forwarded %v", p.name, c.AllSame(), c.MayBeWanted(), c.Forwarded())
				}
			}
			continue
		}
		honest++
		with := p.with()
		c := record.Compare(token, received, with)
		if full := record.CompareMessages(sent, received, with); full.AllSame() != c.AllSame() {
			t.Errorf("%s: all same by commitments %v, by contents %v", p.name, c.AllSame(), full.AllSame())
		}
		if !c.Reaches(record.DefaultThreshold) {
			kept, of := c.Counted()
			t.Errorf("%s: %d of %d parts are below the threshold", p.name, kept, of)
		}
		why, known := notWantedPairs[p.name]
		switch is := c.MayBeWanted() || c.Forwarded(); {
		case is && known:
			t.Errorf("%s counts as wanted now; it did not: %s", p.name, why)
		case !is && !known:
			t.Errorf("%s (%s) does not count as wanted:\n%s", p.name, p.how, table(c))
		case is:
			wanted++
		}
		switch {
		case c.AllSame():
			verified++
		case c.Forwarded():
			vouched++
		}
	}
	t.Logf("%d honest pairs: %d wanted, of them %d as recorded and %d forwarded", honest, wanted, verified, vouched)
	if wanted*100 < honest*97 {
		t.Errorf("only %d of %d honest pairs count as wanted", wanted, honest)
	}
}
