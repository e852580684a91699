package testenv

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds each wait for a server.
const patience = 30 * time.Second

// Serve starts a server that is not ours, and returns once ready has no error to tell. It ends with
// the test, or when stop is called. Of a test that failed what the server said is shown.
func Serve(t testing.TB, cmd *exec.Cmd, ready func(context.Context) error) (stop func()) {
	t.Helper()
	name := filepath.Base(cmd.Path)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second // processes that it leaves behind may hold what it writes to
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		cmd.Wait() // it is told to end, and how it does so is of no matter
	}()
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer late.Stop()
		<-over
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s:\n%s", name, said.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return stop
		}
		select {
		case <-over:
			t.Fatalf("%s has ended: %v", name, cmd.ProcessState)
		case <-ctx.Done():
			t.Fatalf("%s does not answer: %v", name, err)
		case <-again.C:
		}
	}
}

// Connects is what Serve waits for where a server is ready once it takes connections.
func Connects(network, addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// FreeAddrs are n different addresses on loopback, host:port, at which nobody listens over TCP, for
// programs that cannot be given an open socket.
func FreeAddrs(t testing.TB, n int) (list []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // in the end, so that none is given twice
		list = append(list, l.Addr().String())
	}
	return list
}

// FreeAddr is one of these.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return FreeAddrs(t, 1)[0]
}
