package ops

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Notifier tells systemd how a service is (sd_notify(3)). The zero value tells nobody.
type Notifier struct {
	socket   string
	watchdog time.Duration // in which a sign of life has to come; 0: none has to
}

// NewNotifier goes by the environment that systemd gives a service.
func NewNotifier(getenv func(string) string) Notifier {
	n := Notifier{socket: getenv("NOTIFY_SOCKET")}
	if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 && n.socket != "" {
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n
}

// Ready tells that the service serves.
func (n Notifier) Ready(status string) error { return n.tell("READY=1\nSTATUS=" + status) }

// Stopping tells that it ends.
func (n Notifier) Stopping() error { return n.tell("STOPPING=1") }

// Watch gives signs of life, twice as often as they have to come, until ctx is done: as long as
// alive has no objection.
func (n Notifier) Watch(ctx context.Context, alive Probe) {
	if n.watchdog == 0 {
		return
	}
	tick := time.NewTicker(n.watchdog / 2)
	defer tick.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, n.watchdog/2)
		if alive(asked) == nil {
			n.tell("WATCHDOG=1") // one that is lost is followed by another
		}
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n Notifier) tell(state string) error {
	if n.socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer c.Close()
	_, err = c.Write([]byte(state))
	return err
}
