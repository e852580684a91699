package p2p

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
)

// ownStatus describes this node.
func (h *Host) ownStatus() *status {
	s := h.chain.State()
	st := &status{Version: statusVersion, Chain: h.chainID, Genesis: h.genesis, Tip: s.Tip(), Height: s.Height(), Work: s.Work()}
	if rec := h.ownRecord(); len(rec) <= maxRecord {
		st.Record = rec
	}
	return st
}

// ownRecord signs the addresses of this node; nil if it does not listen.
func (h *Host) ownRecord() []byte {
	addrs := h.host.Addrs()
	if len(addrs) == 0 {
		return nil
	}
	rec := peer.PeerRecordFromAddrInfo(peer.AddrInfo{ID: h.host.ID(), Addrs: addrs[:min(len(addrs), maxAddrs)]})
	envelope, err := record.Seal(rec, h.priv)
	if err != nil {
		return nil
	}
	raw, err := envelope.Marshal()
	if err != nil {
		return nil
	}
	return raw
}

// serveStatus reads a peer's status and answers with our own.
func (h *Host) serveStatus(_ context.Context, from peer.ID, s network.Stream) error {
	raw, err := readFrame(s, maxStatus)
	if err != nil {
		return err
	}
	st, err := decodeStatus(raw)
	if err != nil {
		return err
	}
	if err := writeFrame(s, h.ownStatus().encode()); err != nil {
		return err
	}
	return h.heard(from, st, s.Conn())
}

// tellStatus tells a peer our status and takes its own.
func (h *Host) tellStatus(r *remote) error {
	return h.ask(r.ctx, r.id, "status", h.names.status, func(s network.Stream) error {
		if err := writeFrame(s, h.ownStatus().encode()); err != nil {
			return err
		}
		raw, err := readFrame(s, maxStatus)
		if err != nil {
			return err
		}
		st, err := decodeStatus(raw)
		if err != nil {
			return err
		}
		return h.heard(r.id, st, s.Conn())
	})
}

// heard takes in the status of a peer. One of another network or version is disconnected and left
// alone for a while.
func (h *Host) heard(from peer.ID, st *status, conn network.Conn) error {
	if st.Version != statusVersion {
		h.stats.add("peer.other-version")
		h.logOf(from).Info("disconnected a node of another version of the protocol", "peer", from, "version", st.Version, "ours", statusVersion)
		return h.part(from, ErrOtherVersion)
	}
	if st.Chain != h.chainID || st.Genesis != h.genesis {
		h.stats.add("peer.other-genesis")
		h.logOf(from).Info("disconnected a node of another network", "peer", from, "genesis", st.Genesis, "ours", h.genesis)
		return h.part(from, ErrOtherNetwork)
	}
	if len(st.Record) > 0 {
		id, err := h.book.learn(st.Record, scopeOf(conn.RemoteMultiaddr()))
		if err != nil {
			return err
		}
		if id != from {
			return fmt.Errorf("%w: a status with the record of another node", errMalformed)
		}
	}
	r := h.meet(from)
	if r == nil {
		return nil
	}
	h.gate.met(from)
	h.roster.heard(r, st)
	if s, ok := h.roster.standing(r); ok && h.behind(s) {
		h.wakeSync()
	}
	return nil
}
