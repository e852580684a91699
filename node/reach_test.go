package node

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
)

func TestUnanswered(t *testing.T) {
	const id = "/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	alive := []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d%s", port, id), fmt.Sprintf("/dns4/localhost/tcp/%d%s", port, id)}
	dead := []string{"/ip4/127.0.0.1/tcp/1" + id, "/dns4/nobody.invalid/tcp/1" + id}
	all := []string{dead[0], alive[0], dead[1], alive[1]}
	if got := Unanswered(t.Context(), all); !slices.Equal(got, dead) {
		t.Errorf("%v do not answer, want %v", got, dead)
	}
	// Who does not want to wait any more is not kept waiting.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Unanswered(gone, all); !slices.Equal(got, all) {
		t.Errorf("after an interruption %v", got)
	}
}
