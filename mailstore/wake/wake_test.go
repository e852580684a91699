package wake

import "testing"

func TestListeners(t *testing.T) {
	var l Listeners
	l.Wake()
	a, endA := l.Subscribe()
	b, endB := l.Subscribe()
	defer endB()
	l.Wake()
	l.Wake()
	<-a
	<-b
	if len(a) != 0 || len(b) != 0 {
		t.Error("two changes that nobody looked at in between are more than one wake-up")
	}
	endA()
	endA()
	l.Wake()
	if <-b; len(a) != 0 {
		t.Error("whoever has left is woken")
	}
}
