package smtpgw

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/trace"
)

// handOver gives an arrival to the node that has the mailboxes of all its recipients. nil means
// that it has stored it for all of them; else it has for none, as far as it could say so.
func (s *Server) handOver(ctx context.Context, a *arrival.Arrival, route client.Route, ref string) error {
	began := time.Now()
	head, raw := append(courierField(a.Peer.Node), trace.Received(a.Peer, s.cfg.Hostname, ref, a.Recipients, a.Received)...), a.Raw
	if route.Beside {
		var err error
		head = nil
		if raw, err = s.delivery.judged(ctx, a, ref); err != nil || raw == nil {
			return err
		}
	}
	replies, err := client.SendOnce(ctx, &s.cfg.Waits, s.cfg.Hostname, route, client.Mail{
		From: a.From, To: a.Recipients, Head: head, Raw: raw, RequireTLS: a.RequireTLS, Whole: true,
	})
	if err != nil {
		return fmt.Errorf("hand an arrival to %s: %w", route.Holder(), err)
	}
	refused := slices.IndexFunc(replies, func(r reply.Reply) bool { return !r.OK() })
	switch {
	case refused < 0:
		s.handedOver(a, route, ref, began)
		return nil
	case slices.ContainsFunc(replies, func(r reply.Reply) bool { return !r.Permanent() }):
		return fmt.Errorf("hand an arrival to %s: %s", route.Holder(), replies[refused])
	}
	// It is what the peer sends that does not do: it is the first to know.
	return refuse.With(replies[refused].Code, 5, 6, 0, "another machine here does not take this message: %s", printableReply(replies[refused].Text))
}

// printableReply is the text of another node's reply, bounded.
func printableReply(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, text)
	return text[:min(len(text), 300)]
}

// courierName is the field by which a node tells another one of its organisation who brought it an
// arrival: the node key in hexadecimal digits, or none. It stands on top, and is believed of nobody
// else.
const courierName = "Cairn-Courier: "

func courierField(node *consensus.Key) []byte {
	who := "none"
	if node != nil {
		who = hex.EncodeToString(node[:])
	}
	return []byte(courierName + who + "\r\n")
}

// takeCourier takes that field off what a sibling brings. said is false where it is not there, to
// the letter: the sibling brings mail of its own.
func takeCourier(raw []byte) (rest []byte, node *consensus.Key, said bool) {
	const most = len(courierName) + 2*len(consensus.Key{}) + len("\r\n")
	line, _, ok := bytes.Cut(raw[:min(len(raw), most)], []byte("\r\n"))
	who, is := strings.CutPrefix(string(line), courierName)
	var key consensus.Key
	switch {
	case !ok || !is:
		return raw, nil, false
	case who != "none":
		b, err := hex.DecodeString(who)
		if err != nil || len(b) != len(key) || who != strings.ToLower(who) {
			return raw, nil, false
		}
		copy(key[:], b)
		node = &key
	}
	return raw[len(line)+len("\r\n"):], node, true
}
