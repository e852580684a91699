package reply

import "testing"

// TestReplyLine: the text of a reply is optional, its form is not.
func TestReplyLine(t *testing.T) {
	for _, tt := range []struct {
		line string
		code int
		more bool
		text string
	}{
		{"250 fine", 250, false, "fine"}, {"250", 250, false, ""}, {"250 ", 250, false, ""}, {"250-", 250, true, ""}, {"250-SIZE 9", 250, true, "SIZE 9"},
		{"354 go", 354, false, "go"}, {"599  x", 599, false, " x"},
		{"", 0, false, ""}, {"25", 0, false, ""}, {"250fine", 0, false, ""}, {"2500", 0, false, ""}, {"150 x", 0, false, ""}, {"650 x", 0, false, ""},
		{"2x0 x", 0, false, ""}, {" 250 x", 0, false, ""}, {"250\tx", 0, false, ""},
	} {
		code, more, text, ok := ReadLine(tt.line)
		if code != tt.code || more != tt.more || text != tt.text || ok != (tt.code != 0) {
			t.Errorf("%q: %d, %v, %q, %v", tt.line, code, more, text, ok)
		}
	}
}
