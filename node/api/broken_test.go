package api

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// killed is a client of a node that is killed by each request.
func killed(t *testing.T) *Client {
	t.Helper()
	dir := socketDir(t)
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}
	ended := make(chan error)
	go func() { ended <- s.Serve(l) }()
	c := NewClient(dir)
	t.Cleanup(func() {
		c.Close()
		s.Close()
		<-ended
	})
	return c
}

// Who is not answered is told so in words of his own, and that what he asked for may be done, where
// it changes something: of each method.
func TestNodeThatIsKilledMeanwhile(t *testing.T) {
	reading := []string{
		"Status", "Search", "Queries", "Message", "Raw", "Verify", "Labels", "Accounts", "Forwards", "Forwarders", "HostedLists", "Members", "ChainStatus", "Block",
		"Orgs", "Invite", "Claims", "Pins", "OrgStanding", "OrgNodes", "OrgChanges", "Applications", "Peers", "ListQueue", "QueueEntry", "ListSuppressed", "ListReports", "Report", "ListSentReports", "Limits", "TLSKeys", "DKIM", "Doctor", "Backup",
	}
	const unsure = "; what was asked may or may not have been done"
	c := killed(t)
	for method := range reflect.TypeFor[Backend]().Methods() {
		call := reflect.ValueOf(c).MethodByName(method.Name)
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for i := 1; i < method.Type.NumIn(); i++ {
			args = append(args, reflect.Zero(method.Type.In(i)))
		}
		out := call.Call(args)
		err, _ := out[len(out)-1].Interface().(error)
		e, want := AsError(err), "asking the node: the connection broke"
		changes := !slices.Contains(reading, method.Name)
		if changes {
			want += unsure
		}
		if e == nil || e.Code != CodeTryLater || e.Message != want || changes != strings.Contains(e.Hint, "repeat the command unless this shows that it was done: cairn ") {
			t.Errorf("%s: %+v", method.Name, e)
		}
	}
}

// So is who gives up himself.
func TestInterruptedChange(t *testing.T) {
	b := &slowRemoval{started: make(chan struct{})}
	c, _ := start(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-b.started; cancel() }()
	_, err := c.RemoveAccount(ctx, "alice")
	if e := AsError(err); e.Code != CodeInterrupted || !strings.Contains(e.Message, "interrupted; what was asked may or may not") || !strings.HasSuffix(e.Hint, ": cairn account ls") {
		t.Errorf("%+v", e)
	}
}

type slowRemoval struct {
	Backend
	started chan struct{}
}

func (s *slowRemoval) RemoveAccount(ctx context.Context, _ string) (*Account, error) {
	close(s.started)
	<-ctx.Done()
	return nil, ctx.Err()
}

// What broke a connection is said without the address that the request had inside.
func TestWhyAConnectionBroke(t *testing.T) {
	err := &url.Error{Op: "Post", URL: "http://cairn/1/account/remove", Err: &net.OpError{Op: "read", Net: "unix", Err: errors.New("no memory")}}
	if e := NewClient("n").transportError(pathStatus, err); e.Message != "asking the node: the connection broke: read unix: no memory" {
		t.Error(e.Message)
	}
	var b bytes.Buffer
	if e := AsError(killed(t).Backup(t.Context(), BackupRequest{}, &b)); e == nil || strings.Contains(e.Message, "http") {
		t.Errorf("%+v", e)
	}
}
