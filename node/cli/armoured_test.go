package cli

import (
	"slices"
	"strings"
	"testing"

	"cairn/node/membership"
)

// What people carry is found in whatever stands around it, however mail has broken its lines, and
// each of them once.
func TestArmouredIn(t *testing.T) {
	request := (&membership.NodeRequest{ChainID: 1}).Encode()
	other := (&membership.NodeRequest{ChainID: 2}).Encode()
	if _, err := membership.DecodeNodeRequest(request); err != nil {
		t.Fatal(err)
	}
	broken := request[:70] + "\r\n" + request[70:140] + "\n  " + request[140:]
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"prose", "as cairn org node request prints it", nil},
		{"alone", request + "\n", []string{request}},
		{"alone, in blanks", request[:9] + " " + request[9:20] + "\t" + request[20:], []string{request}},
		{"with its command", "waits for a block\nNext, on the new machine: cairn join " + request + "\n", []string{request}},
		{"in JSON", `{"request":"` + request + `","version":1}`, []string{request}},
		{"in broken lines", "Here it is:\n\n" + broken + "\n", []string{request}},
		{"with a word after it", "Here it is:\n" + broken + "\nThanks\n", []string{request}},
		{"twice the same", request + "\n" + broken, []string{request}},
		{"two", "first " + request + "\nthen\n" + other, []string{request, other}},
		{"cut off", "Here it is:\n" + request[:70], []string{request[:70]}},
		{"of a later version", "cairn-admission9:AAAA", []string{"cairn-admission9:AAAA"}},
	} {
		if got := armouredIn(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q", tt.name, strings.Join(got, " | "))
		}
	}
}
