package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// vault is a Backend whose backup is what the test says, and its end.
type vault struct {
	Backend
	asked BackupRequest
	text  string
	err   error
	hold  chan struct{} // if set: waits after the text until the caller has gone
}

func (v *vault) Backup(ctx context.Context, r BackupRequest, w io.Writer) error {
	v.asked = r
	if v.text != "" {
		if _, err := io.WriteString(w, v.text); err != nil {
			return err
		}
	}
	if v.hold != nil {
		<-ctx.Done()
		close(v.hold)
	}
	return v.err
}

func TestBackupIsAStream(t *testing.T) {
	long := strings.Repeat("backup\x00\xff", 1<<17)
	failed := Errorf(CodeTooLarge, "größer\nnext", "what failed: größer\r\nthan that")
	for name, tt := range map[string]struct {
		text string
		err  error
		want *Error
	}{
		"whole":                    {long, nil, nil},
		"empty":                    {"", nil, nil},
		"fails at once":            {"", failed, failed},
		"fails on the way":         {long, failed, failed},
		"fails for want of reason": {long, errors.New("x"), &Error{Code: CodeInternal, Message: "x"}},
	} {
		v := &vault{text: tt.text, err: tt.err}
		c, _ := start(t, v)
		var b bytes.Buffer
		err := c.Backup(t.Context(), BackupRequest{OrgKey: true}, &b)
		if e := AsError(err); name == "fails at once" && !e.Refused() || name != "fails at once" && e != nil && e.Refused() {
			t.Errorf("%s: refused by the node: %v", name, e.Refused())
		}
		if !v.asked.OrgKey || b.String() != tt.text {
			t.Errorf("%s: %d octets of %d, asked %+v", name, b.Len(), len(tt.text), v.asked)
		}
		if e := AsError(err); (e == nil) != (tt.want == nil) || e != nil && (e.Code != tt.want.Code || e.Message != tt.want.Message || e.Hint != tt.want.Hint) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// A node that is gone in the middle of its backup has not finished it, and one whose caller is gone
// stops.
func TestBackupThatIsCut(t *testing.T) {
	c, _ := start(t, dying{})
	var b bytes.Buffer
	if e := AsError(c.Backup(t.Context(), BackupRequest{}, &b)); e == nil || e.Code != CodeTryLater {
		t.Errorf("a node that died: %v", e)
	}
	v := &vault{text: strings.Repeat("x", 1<<16), hold: make(chan struct{})}
	c, _ = start(t, v)
	full := errors.New("disk full")
	if err := c.Backup(t.Context(), BackupRequest{}, failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
	<-v.hold
}

// dying is a node that ends while it writes.
type dying struct{ Backend }

func (dying) Backup(_ context.Context, _ BackupRequest, w io.Writer) error {
	w.Write(bytes.Repeat([]byte("x"), 1<<16))
	panic(http.ErrAbortHandler)
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
