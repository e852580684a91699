package returnpath

import (
	"strings"
	"testing"
)

// FuzzReturnTag: what comes is no tag, or the one that was signed.
func FuzzReturnTag(f *testing.F) {
	key := []byte(strings.Repeat("k", 32))
	p := Path{Day: 20000, Account: 7, Message: 5, Entry: 300}
	f.Add(p.Tag(key))
	f.Add("")
	f.Fuzz(func(t *testing.T, tag string) {
		if got, ok := Parse(tag, 7, key); ok && got != p {
			t.Fatalf("%s is %+v", tag, got)
		}
	})
}

// A tag is of one account, message, entry and day, under one key; nothing else is one.
func TestReturnTag(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	p := Path{Day: 20000, Account: 7, Message: 1 << 40, Entry: 300}
	tag := p.Tag(key)
	if got, ok := Parse(strings.ToUpper(tag), 7, key); !ok || got != p {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := Parse(tag, 8, key); ok {
		t.Error("it is of another account too")
	}
	if _, ok := Parse(tag, 7, []byte(strings.Repeat("l", 32))); ok {
		t.Error("it is under another key too")
	}
	for i := range tag {
		for _, c := range "az7=" {
			other := tag[:i] + string(c) + tag[i+1:]
			if got, ok := Parse(other, 7, key); ok && got != p {
				t.Errorf("%s is %+v", other, got)
			}
		}
		if _, ok := Parse(tag[:i], 7, key); ok {
			t.Errorf("%s is one", tag[:i])
		}
	}
	most := Path{Day: 1<<16 - 1, Account: 1<<32 - 1, Message: 1 << 28, Entry: 1 << 28}
	if n := len("+" + Mark + most.Tag(key)); n > 40 {
		t.Errorf("a tag of a large store takes %d octets", n)
	}
}
