package outbox

import (
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
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
				for spec := range strings.SplitSeq(string(c.Content()), "\n") {
					recorded = append(recorded, maildomain.AddressKey(spec))
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

func TestGroupRecipients(t *testing.T) {
	raw := []byte("To: Ann <ann@far.example>, bob@FAR.example\r\nCc: list: eve@far.example;,\r\n carl@near.example\r\n\r\n")
	show := func(gs []Group) (out []string) {
		for _, g := range gs {
			out = append(out, g.Domain+": "+strings.Join(g.Recipients, " "))
		}
		return out
	}
	got := show(groupRecipients(raw, []string{"ann@far.example", "secret@far.example", "carl@near.example", "Bob@far.example", "ann@far.example", "hidden@far.example"}))
	want := []string{
		"far.example: secret@far.example", "far.example: hidden@far.example",
		"far.example: ann@far.example Bob@far.example", "near.example: carl@near.example",
	}
	if !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	if got := show(groupRecipients([]byte("To: \"broken\r\n\r\n"), []string{"a@x", "b@x"})); len(got) != 2 {
		t.Errorf("an unreadable To named %q", got)
	}
	var many []string
	list := "To: "
	for i := range 60 {
		many = append(many, strings.Repeat("x", i+1)+"@far.example")
		list += many[i] + ",\r\n "
	}
	sizes := []int{}
	for _, g := range groupRecipients([]byte(list+"z@z\r\n\r\n"), many) {
		sizes = append(sizes, len(g.Recipients))
	}
	if !slices.Equal(sizes, []int{24, 24, 12}) {
		t.Errorf("sizes %v", sizes)
	}
}
