package node

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// answerTime is how long somebody may take to accept a connection.
const answerTime = 3 * time.Second

// Unanswered dials all addresses of nodes at once and returns those, in their
// order, at which nobody accepts a TCP connection within three seconds. Whether
// it is the node that is meant shows when they speak.
func Unanswered(ctx context.Context, addresses []string) (silent []string) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answers := make([]bool, len(addresses))
	var wg sync.WaitGroup
	for i, a := range addresses {
		wg.Go(func() { answers[i] = answersAt(ctx, a) })
	}
	wg.Wait()
	for i, a := range addresses {
		if !answers[i] {
			silent = append(silent, a)
		}
	}
	return silent
}

func answersAt(ctx context.Context, address string) bool {
	a, err := multiaddr.NewMultiaddr(address)
	if err != nil {
		return false
	}
	where, _ := multiaddr.SplitLast(a) // the peer ID
	network, host, err := manet.DialArgs(where)
	if err != nil {
		return false
	}
	c, err := new(net.Dialer).DialContext(ctx, network, host)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
