package smtpgw

import (
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// TestGroupsReadAsTheRecordDoes: whom a record's To and Cc name is named to the
// others, and nobody else, however odd the field is.
func TestGroupsReadAsTheRecordDoes(t *testing.T) {
	for _, tt := range []struct {
		header string
		named  string // of ann@far.example and bob@far.example; two who are named share an entry
	}{
		{"To: ann@far.example, bob@far.example", "ann bob"},
		{"To: Ann <ANN@far.example.>\r\nCC: =?utf-8?q?Bob?= <bob@FAR.example>", "ann bob"},
		{"To: friends: ann@far.example, bob@far.example;", "ann bob"},
		{"To: <@relay.example:ann@far.example>, bob@far.example (home)", "ann bob"},
		{"To: \"ann\"@far.example; bob@far.example", "ann bob"},
		{"To: ann@far.example bob@far.example", "ann bob"},
		{"To: \"unclosed <ann@far.example>, bob@far.example", "ann bob"},
		{"To: ann@far.example,,\r\n\t bob@far.example,", "ann bob"},
		{"To: \"bob@far.example\" <ann@far.example>", "ann"},
		{"To: undisclosed-recipients:;", ""},
		{"To: Subject: bob@far.example\r\n\r\nCc: ann@far.example", "bob"},
		{"X-To: ann@far.example\r\nSubject: bob@far.example", ""},
	} {
		raw := []byte(tt.header + "\r\n\r\n")
		var want []string
		for name := range strings.FieldsSeq(tt.named) {
			want = append(want, name+"@far.example")
		}
		var recorded []string
		for _, c := range message.ComponentsV1(raw, nil) {
			if c.Type == message.To || c.Type == message.Cc {
				for spec := range strings.SplitSeq(string(c.Content), "\n") {
					recorded = append(recorded, addressKey(spec))
				}
			}
		}
		slices.Sort(recorded)
		recorded = slices.DeleteFunc(recorded, func(a string) bool { return !strings.HasSuffix(a, "@far.example") })
		if !slices.Equal(recorded, want) {
			t.Errorf("%q: the record names %q, want %q", tt.header, recorded, want)
		}
		groups := groupRecipients(raw, []string{"ann@far.example", "bob@far.example"})
		if together := len(groups) == 1; together != (len(want) == 2) {
			t.Errorf("%q: groups %v", tt.header, groups)
		}
	}
}
