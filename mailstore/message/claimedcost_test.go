//go:build !race

package message_test

import (
	"maps"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// With the race detector the pools that regular expressions and charsets live on forget.

// What the authors of a header cost is linear in it.
func TestCostOfAuthors(t *testing.T) {
	const n, factor = 30 << 10, 200 // octets for each octet
	for name, shape := range authorShapes {
		for _, fields := range []int{1, 4} { // within what is read of a header, and beyond
			cost := func(n int) uint64 {
				header := []byte(strings.Repeat("From: "+shape(n)+"\n", fields) + "\nx\n")
				return allocated(func() {
					message.ParseHeader(header)
					message.ClaimsOf(header)
				})
			}
			once, twice := cost(n), cost(2*n)
			if twice > 3*once+costBase || twice > costBase+uint64(factor*2*n*fields) {
				t.Errorf("%d fields of %s: %d octets allocated, of twice as long ones %d", fields, name, once, twice)
			}
		}
	}
}

// A header of the most that a gateway takes costs no more than some 50 milliseconds of one
// processor: what is read of its addresses has an end, in whichever field they are.
func TestCostOfAddresses(t *testing.T) {
	const n, limit = 270 << 10, 16 << 20 // octets that are allocated
	for _, field := range []string{"From", "Sender", "Reply-To", "Cc"} {
		for name, shape := range addressShapes() {
			header := []byte("From: a@b.example\n" + field + ": " + shape(n) + "\n\nx\n")
			if got := allocated(func() {
				message.ParseHeader(header)
				message.ClaimsOf(header)
			}); got > limit {
				t.Errorf("%s in %s: %d octets allocated", name, field, got)
			}
		}
	}
}

// addressShapes are authorShapes, and values of which each few octets are an item or a word.
func addressShapes() map[string]func(n int) string {
	shapes := maps.Clone(authorShapes)
	for _, unit := range []string{"a@b >", "a@b.c,", ",;:<>@", "a:", "<", "(a)", "(a@b,", "<a@b.c,", "[a@b,", "\"a@b,", "\"a\" <b@c>,", "a\t@\tb ", "\xfc@\xfc.\xfc,", "ä@ä.ä,", "ä ", "a\u0308\u0323"} {
		shapes[unit] = func(n int) string { return strings.Repeat(unit, n/len(unit)) }
	}
	return shapes
}

// What there is no room for is an item without an address, and what there is room for is read.
func TestRoomForAddresses(t *testing.T) {
	for _, tt := range []struct {
		unit  string
		n     int
		whole bool
	}{
		{"\"Ann, of the board\" <ann@b.example>,\n ", 3000, true},
		{"=?utf-8?q?J=C3=B6rg?= =?utf-8?q?M=C3=BCller?= <jo@b.example>,\n ", 500, true},
		{"a@b,", 5000, false},
		{"a:", 5000, false},
		{"a@b ", 5000, false},
		{strings.Repeat("\u00e4", 9) + " <a@b.example>,\n ", 2500, false},
		{"=?utf-8?q?a?= <a@b.example>,\n ", 2000, false},
	} {
		m := message.ParseHeader([]byte("From: " + strings.Repeat(tt.unit, tt.n) + "boss@own.example\nTo: bob@b.example\n\n"))
		last := m.From[len(m.From)-1]
		if whole := last.Addr == "boss@own.example"; whole != tt.whole || !whole && last.Addr != "" {
			t.Errorf("%.30q: the last of %d is %q", tt.unit, len(m.From), last)
		}
		if tt.whole && (len(m.From) != tt.n+1 || len(m.To) != 1 || m.To[0].Addr != "bob@b.example") {
			t.Errorf("%.30q: %d addresses, To %q", tt.unit, len(m.From), m.To)
		}
	}
}

// A field that goes on in line after line of blanks costs no more than its octets.
func TestCostOfBlankFolds(t *testing.T) {
	const limit = 64 << 20 // octets that are allocated
	header := []byte("From: a@b.example\r\nX:" + strings.Repeat("\r\n"+strings.Repeat(" ", 60), 4250) + "\r\n\r\nx\r\n")
	if got := allocated(func() { message.ClaimsOf(header) }); got > limit {
		t.Errorf("%d octets allocated for a header of %d", got, len(header))
	}
}
