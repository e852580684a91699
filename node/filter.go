package node

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cairn/smtpgw"
	"cairn/smtpgw/filter"
)

const (
	filterTime     = 30 * time.Second // for one message
	filterParallel = 4                // programs at one time
	filterRoom     = 32 << 10         // octets that a filter may add to a message of the largest size
	maxFilterArgs  = 64
)

// checkFilter tells what cannot be run. Whether the program is there shows when the node starts.
func checkFilter(argv []string) error {
	switch {
	case len(argv) == 0:
		return nil
	case len(argv) > maxFilterArgs:
		return fmt.Errorf("%d arguments are more than %d", len(argv), maxFilterArgs)
	case !filepath.IsAbs(argv[0]):
		return fmt.Errorf("%q is no absolute path", argv[0])
	case strings.Contains(strings.Join(argv, ""), "\x00"):
		return fmt.Errorf("%q holds a NUL", argv)
	}
	return nil
}

// filter makes the filter that the configuration has under key; nil if it has none.
func (n *Node) filter(key string, argv []string) (smtpgw.Filter, error) {
	if len(argv) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, n.unusable(key, err, "write the absolute path of a program that this user may run")
	}
	limit := n.cfg.MaxMessageSize() + traceRoom + filterRoom
	return command{filter.New(argv, filterTime, limit, filterParallel)}, nil
}

// filterEnviron is what a filter is told of a message (doc/reference.md).
func filterEnviron(p smtpgw.Passing) []string {
	return []string{
		"CAIRN_MODE=" + p.Mode.String(),
		"CAIRN_REF=" + p.Ref,
		"CAIRN_SENDER=" + p.From,
		"CAIRN_RECIPIENTS=" + strings.Join(p.Recipients, "\n"),
		"CAIRN_PEER=" + p.Peer.Addr,
		"CAIRN_PROTOCOL=" + p.Peer.Protocol,
		"CAIRN_VERDICT=" + p.Verdict,
	}
}

// command is a program as the gateway sees it.
type command struct{ *filter.Command }

func (c command) Run(ctx context.Context, p smtpgw.Passing) ([]byte, error) {
	out, err := c.Command.Run(ctx, p.Raw, filterEnviron(p))
	var refusal *filter.Refusal
	switch {
	case errors.Is(err, filter.ErrLater):
		return nil, &smtpgw.Rejection{Later: true}
	case errors.As(err, &refusal):
		return nil, &smtpgw.Rejection{Text: refusal.Text}
	}
	return out, err
}
