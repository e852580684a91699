package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"cairn/node/api"
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

// Claims of a desk says that nobody claims the domain, which is pinned.
func (d *desk) Claims(_ context.Context, domain string) (*api.Claims, error) {
	return &api.Claims{Domain: domain, Pin: &api.Pin{Domain: domain}}, d.err
}

// Who says no is told that nothing was changed, with the exit code of what was refused without
// asking.
func TestAnswerNo(t *testing.T) {
	dir := at(t, &desk{})
	for in, want := range map[string]int{"n\n": 1, "\n": 1, "y\n": 0} {
		var errs bytes.Buffer
		a := &app{in: strings.NewReader(in), err: &errs, dir: dir}
		c := &cobra.Command{}
		c.SetContext(t.Context())
		client := a.client()
		err := a.mayReplace(c, client, api.TrustRequest{Domain: "beta.example", Key: strings.Repeat("1", 64)})
		client.Close()
		code := 0
		if err != nil {
			code = explain(err).ExitCode()
		}
		if code != want {
			t.Errorf("%q: exit code %d, %v", in, code, err)
		}
	}
}
