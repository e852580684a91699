package verdicts

import "testing"

func TestSeam(t *testing.T) {
	const one, two = "Received: from a by b;\n\tone\n", "received: from c by d; two\r\n"
	for _, c := range []struct {
		name, original, received string
		above                    string // of the record
		leftOut                  bool
	}{
		{"no way at all", "From: a\n\nx", "Subject: x\nFrom: a\n\nx", "", false},
		{"put on top", "From: a\n\nx", "Return-Path: <>\n" + two + one + "From: a\n\nx", "Return-Path: <>\n" + two + one, false},
		{"on top of what was there", one + "From: a\n\nx", two + "X: y\n" + one + "From: a\n\nx", two + "X: y\n", false},
		{"refolded", "Received: from a by b; one\nFrom: a\n\nx", two + one + "From: a\n\nx", two, false},
		{"another way", one + "From: a\n\nx", two + "From: a\n\nx", "", true},
		{"no header", "x", "", "", false},
		{"in the body", "From: a\n\n" + one, "From: a\n\n" + one, "", false},
	} {
		place, wish := seam([]byte(c.original), []byte(c.received))
		if got := c.received[:place]; got != c.above || (len(wish.LeftOut) > 0) != c.leftOut {
			t.Errorf("%s: below %q, left out %v", c.name, got, wish.LeftOut)
		}
	}
}

func FuzzSeam(f *testing.F) {
	f.Add([]byte("Received: a\n\tb\nFrom: x\n\n"), []byte("Received: c\r\nReceived: a b\r\n"))
	f.Fuzz(func(t *testing.T, original, received []byte) {
		place, _ := seam(original, received)
		if place < 0 || place > len(received) || place > 0 && received[place-1] != '\n' && place != len(received) {
			t.Fatalf("place %d of %q", place, received)
		}
	})
}
