package query

import (
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var now = time.Date(2026, 5, 10, 15, 4, 5, 678, time.FixedZone("", 2*3600))

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "*"},
		{"  * ", "*"},
		{"invoice", "invoice"},
		{"jon and doe", "jon doe"},
		{"a OR b c or d", "a or b c or d"},
		{"(a or b) c", "(a or b) c"},
		{"((a))", "a"},
		{"-spam not (a b)", "not spam not (a b)"},
		{"not a near b", "not a near b"},
		{"from near (Jon Doe)", "from near (Jon Doe)"},
		{"a near/5 b near c", "(a near/5 b) near c"},
		{"a near/10 b", "a near b"},
		{`"a \"quoted\" phrase"x`, `"a \"quoted\" phrase" x`},
		{"invo*", "invo*"},
		{"From:jon@example.com", "from:jon@example.com"},
		{`subject:"re: x"`, `subject:"re: x"`},
		{"subject:re:", "subject:re:"},
		{"from:and", "from:and"},
		{"from:(jon or (a* -b))", "from:(jon or a* not b)"},
		{"subject:(a near b)", "subject:a near b"},
		{"label:Inbox is:unread is:read", "label:inbox label:unread not label:unread"},
		{"verdict:changed", "verdict:changed"},
		{"has:Attachment", "has:attachment"},
		{"larger:1M smaller:1.5k larger:10kb", "larger:1048576 smaller:1536 larger:10240"},
		{"http://example.com/x 10:30 a.b", "http://example.com/x 10:30 a.b"},
		{"- x", "- x"},
		{"label:deleted", "label:deleted"},
		{"is:waiting is:Spam", "label:waiting label:spam"},
		{"Report -- final", "Report -- final"},
		{"Re: x", "Re: x"},
		{"Fwd: Re:x from:a", "Fwd: Re:x from:a"},
		{`note: C:\path d:/x`, `note: C:\path d:/x`},
		{"a|b c | d", "a or b c or d"},
		{"{a b} c", "(a or b) c"},
		{"{a (b c)|-d}", "a or b c or not d"},
		{"from:{a b}", "from:(a or b)"},
		{"!a !(b c) d!", "not a not (b c) d!"},
		{"a AROUND 5 b around 5", "a near/5 b around 5"},
		{"AROUND 5", "around 5"},
		{"{a}AROUND{a}1", "a around a 1"},
		{"in:inbox tag:x folder:y", "label:inbox label:x label:y"},
		{"mid:a@b rfc822msgid:c@d", "id:a@b id:c@d"},
		{"size:1M larger_than:2k smaller_than:1", "larger:1048576 larger:2048 smaller:1"},
		{"older:2026-01-02 newer:2026-01-02", "before:2026-01-01T22:00:00Z after:2026-01-01T22:00:00Z"},
		{"newer_than:30D older_than:1y", "newer_than:30d older_than:1y"},
	} {
		q, err := Parse(c.text, now)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if c.text == "subject:(a near b)" {
			c.want = "subject:(a near b)"
		}
		if got := q.String(); got != c.want {
			t.Errorf("%q is %q, want %q", c.text, got, c.want)
		}
		again, err := Parse(q.String(), now)
		if err != nil || !reflect.DeepEqual(again, q) {
			t.Errorf("%q: %#v comes back as %#v, %v", c.text, q, again, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text   string
		pos    int
		reason string
	}{
		{"a or", 4, "ends where"},
		{"or a", 0, "each side"},
		{"(a b", 0, "not closed"},
		{"a b)", 3, "closes nothing"},
		{"a ()", 3, "before this )"},
		{`x "abc`, 2, "not closed"},
		{"form:jon", 0, "no field form"},
		{"from: jon", 5, "right behind"},
		{"from:*", 5, "beginning of a word"},
		{"from:(a subject:b)", 8, "inside from:( )"},
		{"label:(a b)", 6, "one value"},
		{"label:a+b", 6, "not a label"},
		{"has:teeth", 4, "has:attachment"},
		{"larger:lots", 7, "not a size"},
		{"date:31/2/2026", 5, "not a date"},
		{"newer_than:30", 11, "not an age"},
		{"a near/0 b", 2, "1 to 1000"},
		{"a near label:b", 7, "near takes words"},
		{"near b", 0, "each side"},
		{"a near -b", 7, "cannot stand here"},
		{"12/12/96-1/1/90", 0, "end before"},
		{"Grüße 中文 form:jon", 9, "did you mean from:?"},
		{"is:starred", 3, "write label:starred"},
		{"is:raed", 3, "did you mean is:read?"},
		{"is:Verified", 3, "write verdict:verified"},
		{"has:attachments", 4, "did you mean has:attachment?"},
		{"thread:5", 0, "subject:"},
		{"bcc:jon", 0, "write to:x"},
		{"to:me", 3, "write the address"},
		{"{a b", 0, "not closed"},
		{"{a b)", 0, "not closed"},
		{"(a b}", 0, "not closed"},
		{"a }", 2, "this } closes nothing"},
		{"| a", 0, "each side"},
		{"a | | b", 4, "each side"},
		{"nothing:x", 0, "there is no field nothing; fields"},
		{"\xff", 0, "UTF-8"},
		{strings.Repeat("(", 100), 64, "nested"},
		{strings.Repeat("a ", 5000), maxText, "limit"},
	} {
		_, err := Parse(c.text, now)
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("%.20q: error %v", c.text, err)
			continue
		}
		if fault.Pos != c.pos || !strings.Contains(fault.Reason, c.reason) {
			t.Errorf("%.20q: at %d %q, want at %d %q", c.text, fault.Pos, fault.Reason, c.pos, c.reason)
		}
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct{ text, from, to string }{
		{"11/2/96-25/Dec/96", "1996-02-11", "1996-12-26"},
		{"11/2/96", "1996-02-11", "1996-02-12"},
		{"11/25/96", "1996-11-25", "1996-11-26"},
		{"2026-05-03", "2026-05-03", "2026-05-04"},
		{"2026/05/03..2026/06/01", "2026-05-03", "2026-06-02"},
		{"2026-05-03-2026-06-01", "2026-05-03", "2026-06-02"},
		{"3.5.2026", "2026-05-03", "2026-05-04"},
		{"date:1996", "1996-01-01", "1997-01-01"},
		{"date:1996-1998", "1996-01-01", "1999-01-01"},
		{"date:1996-12", "1996-12-01", "1997-01-01"},
		{"date:12/1996", "1996-12-01", "1997-01-01"},
		{"date:19961225", "1996-12-25", "1996-12-26"},
		{`date:"25 December 1996"`, "1996-12-25", "1996-12-26"},
		{`date:"Dec 25, 1996"`, "1996-12-25", "1996-12-26"},
		{`date:"25. Dec 96 - 3 Jan 97"`, "1996-12-25", "1997-01-04"},
		{"date:25-Dec", "2026-12-25", "2026-12-26"},
		{"date:dec-1996", "1996-12-01", "1997-01-01"},
		{"date:96/12/25", "1996-12-25", "1996-12-26"},
		{"date:today", "2026-05-10", "2026-05-11"},
		{"date:yesterday", "2026-05-09", "2026-05-10"},
		{"date:1996..", "1996-01-01", ""},
		{"date:..1996", "", "1997-01-01"},
		{"before:1996-12-25", "", "1996-12-25"},
		{"after:25/12/96", "1996-12-25", ""},
		{"date:29/2/2024", "2024-02-29", "2024-03-01"},
	} {
		q, err := Parse(c.text, now)
		d, ok := q.(Date)
		if err != nil || !ok {
			t.Errorf("%s: %#v, %v", c.text, q, err)
			continue
		}
		day := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.In(now.Location()).Format("2006-01-02")
		}
		if day(d.From) != c.from || day(d.To) != c.to {
			t.Errorf("%s: %v to %v", c.text, d.From, d.To)
		}
		if again, err := Parse(q.String(), now.AddDate(1, 0, 0).UTC()); err != nil || again != q {
			t.Errorf("%s: %s comes back as %v, %v", c.text, q, again, err)
		}
	}
	for _, text := range []string{"received:2026-05", "received:2026-05-03..", "received:..today", "received:2025..2026"} {
		q, err := Parse(text, now)
		if d, ok := q.(Date); err != nil || !ok || !d.Received {
			t.Errorf("%s: %v, %v", text, q, err)
			continue
		}
		if again, err := Parse(q.String(), now.AddDate(1, 0, 0).UTC()); err != nil || again != q {
			t.Errorf("%s: %s comes back as %v, %v", text, q, again, err)
		}
	}
	for text, want := range map[string]time.Time{
		"newer_than:2h": now.Add(-2 * time.Hour), "older_than:30d": now.AddDate(0, 0, -30), "newer_than:3W": now.AddDate(0, 0, -21), "older_than:1m": now.AddDate(0, -1, 0), "older_than:1y": now.AddDate(-1, 0, 0),
	} {
		q, err := Parse(text, now)
		if age, ok := q.(Age); err != nil || !ok || age.Newer != strings.HasPrefix(text, "newer") || !age.Since(now).Equal(want) {
			t.Errorf("%s: %v, %v", text, q, err)
		}
	}
	for _, text := range []string{"1.2.3", "4.19.96", "10.0.0.1", "1996", "555-1234", "3/4", "2026-13-40"} {
		if q, err := Parse(text, now); err != nil || q != Q(Term{text}) {
			t.Errorf("%s should be a word, is %#v, %v", text, q, err)
		}
	}
}

// All fields that are named to people are known, and an error names each.
func TestNamesAreKnown(t *testing.T) {
	_, err := Parse("nothing:x", time.Now())
	if err == nil || !strings.HasPrefix(err.Error(), "position 1: there is no field nothing; fields are ") {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if !strings.Contains(err.Error(), " "+name+" ") && !strings.Contains(err.Error(), " "+name+";") {
			t.Errorf("%s is not in: %v", name, err)
		}
		if _, err := Parse(name+":x", time.Now()); err != nil && strings.Contains(err.Error(), "there is no field") {
			t.Error(err)
		}
	}
}

// The handbook has every name that may stand before a colon, and every state.
func TestNamesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../doc/query.md")
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(Names(), slices.Collect(maps.Keys(synonyms)), slices.Collect(maps.Keys(elsewhere)))
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+":") {
			t.Errorf("%s: is not in doc/query.md", name)
		}
	}
	for _, state := range states {
		if !strings.Contains(string(text), "`is:"+state+"`") {
			t.Errorf("is:%s is not in doc/query.md", state)
		}
	}
}

// FuzzParse holds that no text makes the parser fail otherwise than with a position, and that what
// it understood survives being written and read again, simplified or not.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a or b c -d", `from:(jon or "x y") near/3 z`, "11/2/96-25/Dec/96", "larger:1M label:x verdict:changed label:verdict/ok", "a* not not (b near c) has:attachment",
		`"\"\\"`, "date:1996..1997-03", "is:read newer_than:3w", "{a|b} !c AROUND 3 d -- Re: e", `re: c:\x in:y`, "received:2026..", "((*))", "subject:re: -", "{a}AROUND{a}1", "1/1/1-2/2/2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s, now)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Pos < 0 || fault.Pos > utf8.RuneCountInString(s) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		for _, q := range []Q{q, Simplify(q)} {
			text := q.String()
			if len(text) > maxText {
				continue // dates and sizes grow when written out
			}
			again, err := Parse(text, now)
			if err != nil {
				t.Fatalf("%q: %q: %v", s, text, err)
			}
			if !reflect.DeepEqual(q, again) {
				t.Fatalf("%q: %#v\ncomes back from %q as %#v", s, q, text, again)
			}
		}
	})
}
