//go:build !race

package message_test

import (
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
