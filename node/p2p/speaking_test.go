package p2p

import (
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// saying answers each mail stream of a host with one word.
func saying(t *testing.T, n *node, word string) {
	t.Helper()
	l, err := n.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, word)
			_ = c.Close()
		}
	}()
}

// heardFrom is what a mail stream to a node says; empty if there is none.
func (n *node) heardFrom(to *node) string {
	c, err := n.DialSMTP(n.t.Context(), to.self)
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	b, _ := io.ReadAll(c)
	return string(b)
}

// Of two processes with the keys of one node, mail and questions for it go to the one that may
// speak for it, over whichever connection that is; to each in turn while it is not known; to none
// while both are silent.
func TestMailGoesToWhoSpeaks(t *testing.T) {
	net := twoNodes(t, 2)
	a := start(t, net, 0, setup{})
	var first, second atomic.Bool
	has := func(is bool) func(string) (bool, error) { return func(string) (bool, error) { return is, nil } }
	b := start(t, net, 1, setup{bootstrap: a.Addrs(), silent: first.Load, accounts: has(true)})
	c := start(t, net, 1, setup{bootstrap: a.Addrs(), silent: second.Load, accounts: has(false)})
	saying(t, b, "first")
	saying(t, c, "second")
	eventually(t, "both answer, each in its turn", func() bool {
		one, two := a.heardFrom(b), a.heardFrom(b)
		return one == "first" && two == "second" || one == "second" && two == "first"
	})
	wake, cancel := a.Subscribe()
	defer cancel()
	for _, s := range []struct {
		why           string
		first, second bool
		want          string
	}{
		{"the second is silent", false, true, "first"},
		{"both are", true, true, ""},
		{"the first is", true, false, "second"},
		{"it changes", false, true, "first"},
	} {
		first.Store(s.first)
		second.Store(s.second)
		all := func() bool {
			for range 4 {
				if a.heardFrom(b) != s.want {
					return false
				}
			}
			return true
		}
		eventually(t, s.why, all)
		switch yes, err := a.HasAccount(t.Context(), b.self, "ana@org1.example"); {
		case s.want == "" && err == nil:
			t.Errorf("%s: a question is answered", s.why)
		case s.want != "" && (err != nil || yes != (s.want == "first")):
			t.Errorf("%s: it has the account: %v, %v", s.why, yes, err)
		}
		for _, p := range a.Peers() {
			if p.Silent != (s.want == "") {
				t.Errorf("%s: the node is silent: %v", s.why, p.Silent)
			}
		}
		if s.want == "" {
			for len(wake) > 0 {
				<-wake
			}
		}
	}
	if len(wake) == 0 {
		t.Error("that the node speaks again woke nobody")
	}
}
