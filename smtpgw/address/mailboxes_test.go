package address

import (
	"errors"
	"strings"
	"testing"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
)

func mailboxesTest(value string) ([]Mailbox, error) {
	m := message.Parse([]byte("From: " + value + "\r\n\r\n"))
	return Mailboxes(value, m.From)
}

func TestMailboxes(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  string
		err   error
	}{
		{"jo@x.example", "jo@x.example", nil},
		{"Jo Doe <Jo@X.example.>", "Jo@x.example", nil},
		{`"Doe, Jo: (a) <b>; @c" <jo@x.example>`, "jo@x.example", nil},
		{"J. Doe [Sales] <jo@x.example> (at home (or not))", "jo@x.example", nil},
		{"(the one) jo@x.example", "jo@x.example", nil},
		{"=?utf-8?q?J=C3=B6=2C_b=40c?= <jö@bücher.example>", "jö@xn--bcher-kva.example", nil},
		{"jo@[IPv6:2001:DB8::1]", "jo@[ipv6:2001:db8::1]", nil},
		{`"jo doe"@x.example`, "jo doe@x.example", nil},
		{`Jo <"jo>doe"@x.example>`, "", ErrUnsure}, // the message package sees another end
		{"jo@x.example, , Al <al@y.example>,", "jo@x.example al@y.example", nil},
		{"jo@x.example <Jo@X.example>", "Jo@x.example", nil},

		{"", "", ErrNobody},
		{"<>", "", ErrNobody},
		{"(nobody)", "", ErrNobody},
		{"Jo Doe", "", ErrNobody},
		{"Jo <jo>", "", ErrNobody},
		{"jo@x.example, Al", "", ErrNobody},
		{"undisclosed-recipients:;", "", ErrGroup},
		{"team: jo@x.example;", "", ErrGroup},
		{"team: Jo <jo@x.example>, al@y.example;", "", ErrGroup},
		{"boss@x.example <jo@x.example>", "", ErrUnsure},
		{"boss@x.example, <jo@x.example> al@x.example", "", ErrUnsure},
		{"<boss@x.example> <jo@x.example>", "", ErrUnsure},
		{"Boss <boss@x.example> jo@x.example", "", ErrUnsure},
		{"boss@x.example jo@x.example", "", ErrUnsure},
		{`"Boss <boss@x.example>, jo@x.example`, "", ErrUnsure},
		{"(Boss <boss@x.example>, jo@x.example", "", ErrUnsure},
		{"<@relay.example:jo@x.example>", "", ErrUnsure},
		{"<jo@x.example", "", ErrUnsure},
		{"jo@x.example>", "", ErrUnsure},
		{"jo@a..b", "", ErrUnsure},
		{"jo@boss@x.example", "", ErrUnsure},
		{"jo @ x.example", "", ErrUnsure},
		{"=?utf-8?q?boss=40x.example?=", "", ErrNobody},
	} {
		got, err := mailboxesTest(tt.value)
		var names []string
		for _, m := range got {
			names = append(names, m.String())
		}
		if strings.Join(names, " ") != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%q: %q (%v), want %q (%v)", tt.value, names, err, tt.want, tt.err)
		}
	}
}

// FuzzMailboxes: who is found is who a recipient's node finds.
func FuzzMailboxes(f *testing.F) {
	for _, s := range []string{"a@b, c <d@e>", `"x\" <y@z>" <a@b>`, "((x)) a@b", "g: a@b;", "a@[1.2.3.4]", `"a b"@c`, "a@b <a@b>", "<a@b", `\`, "a@b("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		m := message.Parse([]byte("From: " + value + "\r\n\r\n"))
		found, err := Mailboxes(value, m.From)
		if err != nil {
			return
		}
		read := make(map[string]bool)
		for _, a := range m.From {
			read[maildomain.AddressKey(a.Addr)] = true
		}
		for _, m := range found {
			if !read[m.Key()] {
				t.Errorf("%q: %s is in no record", value, m)
			}
			delete(read, m.Key())
		}
		if len(found) == 0 || len(read) > 0 {
			t.Errorf("%q: %v are overlooked", value, read)
		}
	})
}
