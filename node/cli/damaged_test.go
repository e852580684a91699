package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"cairn/node/api"
)

// A mail that is damaged is said to be so, in lists too, and is not taken for read.
func TestDamagedMailIsTold(t *testing.T) {
	damaged := api.Summary{Ref: "bob/1", From: "a@alpha.example", Damaged: "damaged: the text of bob/1 is not the one that was stored; restore it", Labels: []string{"unread"}}
	verified := &api.Verification{Verdict: "verified", Reasons: []string{"all parts are as recorded"}}
	d := &desk{message: api.Message{Summary: damaged, Verification: verified}, found: api.SearchResult{Total: 1, Messages: []api.Summary{damaged}}}
	dir := at(t, d)
	code, out, errs := cairn(t, "", "show", "--dir", dir, "bob/1")
	if code != 1 || errs != "" || !strings.HasPrefix(out, damaged.Damaged+"\n") || !strings.Contains(out, "a@alpha.example") {
		t.Errorf("exit code %d, %s, printed\n%s", code, errs, out)
	}
	if !strings.Contains(out, "\nWhen it arrived, before it was damaged:\nVerdict: verified\n") {
		t.Errorf("the verdict seems to be that of what is left:\n%s", out)
	}
	if d.asked != "bob/1" {
		t.Errorf("it asked for %+v behind that", d.asked)
	}
	code, out, _ = cairn(t, "", "show", "--dir", dir, "bob/1", "--json")
	var m api.Message
	if err := json.Unmarshal([]byte(out), &m); code != 1 || err != nil || m.Damaged != damaged.Damaged {
		t.Errorf("exit code %d, %v in %s", code, err, out)
	}
	code, out, _ = cairn(t, "", "search", "--dir", dir)
	if code != 0 || !strings.Contains(out, "bob/1") || !strings.Contains(out, "(damaged;") {
		t.Errorf("exit code %d, printed\n%s", code, out)
	}
}

// A mail of which it cannot be read how it was verified is shown, and says so where its verdict
// would stand.
func TestDamagedVerdictIsTold(t *testing.T) {
	why, next := "how bob/1 was verified cannot be read as it was stored", "with the node stopped: cairn check --repair"
	d := &desk{message: api.Message{Summary: api.Summary{Ref: "bob/1", Labels: []string{"inbox"}}, Text: "as it was\n", Unverified: why, Next: next}}
	dir := at(t, d)
	code, out, errs := cairn(t, "", "show", "--dir", dir, "bob/1")
	if code != 0 || errs != "" || !strings.Contains(out, "\nVerdict: not known: "+why+"; "+next+" --dir "+dir+"\n") || !strings.HasSuffix(out, "\nas it was\n") {
		t.Errorf("exit code %d, %s, printed\n%s", code, errs, out)
	}
}

// Damage that a running node has met is a line of its status, which is not there else.
func TestDamageIsInTheStatus(t *testing.T) {
	for note, m := range map[string]api.MailStatus{
		"": {},
		"1 value of the mail store could not be read as stored since the start; next: the check":  {Damaged: 1, DamagedNext: "the check"},
		"2 values of the mail store could not be read as stored since the start; next: the check": {Damaged: 2, DamagedNext: "the check"},
	} {
		if got := damagedNote(&m); got != note {
			t.Errorf("%d: %q, want %q", m.Damaged, got, note)
		}
	}
}
