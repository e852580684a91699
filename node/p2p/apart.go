package p2p

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Why a node that was to be connected is no peer of this one.
var (
	ErrSelf         = errors.New("it is this node itself")
	ErrOtherNetwork = errors.New("it is a node of another network")
	ErrOtherVersion = errors.New("it speaks another version of the protocol")
	ErrRules        = errors.New("it kept breaking the rules")
	ErrNoAnswer     = errors.New("it does not answer")
	ErrNoGreeting   = errors.New("it closed the connection without a greeting, as a node of another network does")
)

// Apart is the error about a node that this one leaves alone for a while. It is not dialled before
// then.
type Apart struct {
	Why   error
	Since time.Time // it has been so
	Until time.Time
}

func (a *Apart) Error() string { return a.Why.Error() }
func (a *Apart) Unwrap() error { return a.Why }

// part disconnects a peer that this node has nothing to say to, and leaves it alone for a while. It
// returns that as an *Apart.
func (h *Host) part(p peer.ID, why error) error {
	apart := h.gate.shut(p, otherTime, why)
	h.spawn(func() { _ = h.host.Network().ClosePeer(p) })
	return apart
}

// Connect dials a node by its full multiaddress, such as /ip4/192.0.2.1/tcp/7400/p2p/12D3KooW…, and
// returns once each has greeted the other; the error is or has one of those above. The address is
// remembered until the host closes, unless it is one of another network.
func (h *Host) Connect(ctx context.Context, addr string) error {
	info, err := parseAddr(addr)
	if err != nil {
		return err
	}
	if info.ID == h.host.ID() {
		return ErrSelf
	}
	err = h.connect(ctx, *info)
	if !errors.Is(err, ErrOtherNetwork) {
		h.book.add(*info)
	}
	return err
}

func (h *Host) connect(ctx context.Context, info peer.AddrInfo) error {
	if !h.gate.open(info.ID) {
		if apart := h.gate.apart(info.ID); apart != nil {
			return apart
		}
	}
	if err := h.dial(ctx, info); err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if r := h.meet(info.ID); r != nil {
		select {
		case <-r.greeted:
			return nil
		case <-r.ctx.Done():
		case <-ctx.Done():
			return fmt.Errorf("%w: no greeting came over the connection: %w", ErrNoAnswer, ctx.Err())
		}
	}
	if apart := h.gate.apart(info.ID); apart != nil {
		return apart
	}
	return ErrNoGreeting
}
