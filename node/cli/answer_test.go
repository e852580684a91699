package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	for in, want := range map[string]string{"y\n": "y", " YES \r\nmore": "yes", "n\n": "n", "\n": "", "": "", "y": "y"} {
		a := &app{in: strings.NewReader(in)}
		if got, err := a.answer(t.Context()); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	silent, hang := io.Pipe()
	defer hang.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := &app{in: silent}
	if _, err := a.answer(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
