package derive

import (
	"testing"

	"cairn/mailstore/message"
)

// TestRunBounds: a deriver that fails, or gives too much, costs nobody a message.
func TestRunBounds(t *testing.T) {
	d := message.Dissect([]byte("From: a@a.example\r\n\r\ntext\r\n"), nil)
	broken := func(*message.Dissection) []message.Component { panic("index out of range") }
	if list, ok := run(broken, d, message.ImageHash); ok || list != nil {
		t.Errorf("a panic gave %v, %v", list, ok)
	}
	much := func(*message.Dissection) (list []message.Component) {
		for i := range 9 {
			list = append(list, derived(uint16(9-i%5), make([]byte, 1+i)))
		}
		return append([]message.Component{{Index: 1}, derived(2, make([]byte, maxContent+1))}, list...)
	}
	list, ok := run(much, d, message.ImageHash)
	if !ok || len(list) != 3 || list[0].Index != 7 || list[1].Index != 8 || list[2].Index != 9 {
		t.Errorf("%v, %v", list, ok)
	}
	for _, c := range list {
		if c.Type != message.ImageHash || c.Reading != message.Canonical {
			t.Errorf("%+v", c)
		}
	}
}
