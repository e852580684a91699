package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// maxAccountAddress is the longest address that a node is asked for, in bytes: local part, @ and
// domain (RFC 5321, section 4.5.3.1), with room for A-labels.
const maxAccountAddress = 1024

// accountsAtOnce is how many such questions a node of the organisation may have under way.
const accountsAtOnce = 64

// errNotOurs: a node asks for accounts of another organisation.
var errNotOurs = errors.New("p2p: asked for an account by a node that is not one of this organisation")

// serveAccount tells another node of this organisation whether this one has the account of an
// address: a frame with the address, answered by an octet that is 1 or 0. Nobody else is told.
func (h *Host) serveAccount(_ context.Context, from peer.ID, s network.Stream) error {
	key, ok := nodeKey(from)
	if !ok || h.cfg.HasAccount == nil || !slices.Contains(h.chain.State().NodesBeside(key), h.self) {
		return errNotOurs
	}
	address, err := readFrame(s, maxAccountAddress)
	if err != nil {
		return err
	}
	has, err := h.cfg.HasAccount(string(address))
	if err != nil {
		return fmt.Errorf("look up an account for node %s: %w", key, err)
	}
	answer := []byte{0}
	if has {
		answer[0] = 1
	}
	_, err = s.Write(answer)
	return err
}

// HasAccount asks another node of this organisation whether it has the account of an address. The
// error wraps ErrNodeNotFound if the node cannot be reached at present.
func (h *Host) HasAccount(ctx context.Context, node consensus.Key, address string) (has bool, err error) {
	if len(address) > maxAccountAddress {
		return false, nil
	}
	id, err := h.reach(ctx, node)
	if err != nil {
		return false, err
	}
	open := func(ctx context.Context) (network.Stream, error) { return h.open(ctx, id, h.names.account) }
	err = h.askOver(ctx, id, "account", open, func(s network.Stream) error {
		if err := writeFrame(s, []byte(address)); err != nil {
			return err
		}
		var answer [1]byte
		if _, err := io.ReadFull(s, answer[:]); err != nil {
			return fmt.Errorf("read whether node %s has an account: %w", node, err)
		}
		if has = answer[0] == 1; answer[0] > 1 {
			return fmt.Errorf("%w: %d instead of 0 or 1", errMalformed, answer[0])
		}
		return nil
	})
	return has && err == nil, err
}
