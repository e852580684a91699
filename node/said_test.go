package node

import (
	"errors"
	"testing"
)

func TestSaid(t *testing.T) {
	var s said
	full, gone := errors.New("the disk is full"), errors.New("the disk is gone")
	for i, step := range []struct {
		err  error
		news bool
	}{{nil, false}, {full, true}, {full, false}, {gone, true}, {full, true}, {nil, false}, {full, true}} {
		if got := s.news(step.err); got != step.news {
			t.Errorf("step %d: news %v", i, got)
		}
	}
}
