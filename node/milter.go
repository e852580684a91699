package node

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/milter"
	"cairn/smtpgw/milter/wire"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// A mail server of the organisation beside this node asks about each mail before it takes it.
//
// What leaves in a name of the organisation is taken over: this node queues it for its recipients
// elsewhere, records it and carries it, and the mail server drops these. It could put a token into
// the mail instead and leave it there; but one set of octets goes to all recipients then, and one
// record: who is in no header field (Bcc) could not be in it without being shown to the others,
// and would get mail that counts as replayed. Nor may a record have more than 24 recipients, nor
// a reply wait until it is sealed, nor does this node hear of what becomes of such mail.
//
// What arrives for people there is judged, and marked.

// maxMilterRecipients is what Postfix and Sendmail take with one message.
const maxMilterRecipients = 1000

// milterDesk decides about the mail of the mail server beside this node.
type milterDesk struct {
	*Node
	gw       smtpgw.Config
	delivery *smtpgw.Delivery
	networks []netip.Prefix
}

// openMilter constructs the server for the mail server beside this node; nil without one.
func (n *Node) openMilter(gw smtpgw.Config, delivery *smtpgw.Delivery) *milter.Server {
	if n.cfg.Milter.Listen == "" {
		return nil
	}
	networks, _ := prefixes(n.cfg.Milter.Networks) // Validate looked
	d := &milterDesk{Node: n, gw: gw, delivery: delivery, networks: networks}
	d.gw.Limits.Recipients = maxMilterRecipients
	return milter.NewServer(milter.Config{
		Handler: d.decide, Texts: n.memory.incoming, Log: n.part("smtp"),
		Limits: wire.Limits{
			Message: int(n.cfg.MaxMessageSize() + traceRoom), Header: 256 << 10, Fields: 4096, Recipients: maxMilterRecipients,
		},
	})
}

// bindMilter listens for the mail server beside this node. A socket in the file system that nobody
// listens at any more makes room.
func (n *Node) bindMilter() (net.Listener, error) {
	if n.cfg.Milter.Listen == "" {
		return nil, nil
	}
	network, address, err := n.cfg.Milter.endpoint()
	if err != nil {
		return nil, err
	}
	if network == "tcp" {
		return n.bind("milter.listen", address)
	}
	if c, err := net.Dial(network, address); err == nil {
		c.Close()
	} else if at, err := os.Lstat(address); err == nil && at.Mode()&fs.ModeSocket != 0 {
		os.Remove(address)
	}
	l, err := net.Listen(network, address)
	if err == nil {
		err = n.shareSocket(address)
	}
	if err != nil {
		if l != nil {
			l.Close()
		}
		return nil, n.unusable("milter.listen", err, "name a path in a folder that exists and that this user may write to")
	}
	return l, nil
}

// shareSocket lets the group of its folder use a socket. Whether another user's program may connect
// there is a matter of the socket's own group, which is that of this process unless the folder
// hands its group on, or this user is in it.
func (n *Node) shareSocket(path string) error {
	if err := os.Chmod(path, 0o660); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	_, in, known := home.Owner(folder)
	_, is, also := home.Owner(path)
	if !known || !also || in == is {
		return nil
	}
	if err := os.Lchown(path, -1, in); err != nil {
		n.log.Warn("the socket of milter.listen has another group than its folder, whose group may not use it", "socket", path, "err", err,
			"try", n.typable("have the folder hand its group on, and start the node again: chmod g+s "+api.ShellWord(folder)))
	}
	return nil
}

// refused is the verdict that refuses a message, or puts it off.
func refused(code int, status, text string) wire.Verdict {
	return wire.Verdict{Action: wire.Refuse, Code: code, Status: status, Text: text}
}

// faults are the replies to messages that did not come whole.
var faults = map[wire.Fault]wire.Verdict{
	wire.TooLarge:          refused(552, "5.3.4", "message is larger than is taken here"),
	wire.HeaderTooLarge:    refused(552, "5.3.4", "header is larger than is taken here"),
	wire.TooManyRecipients: refused(554, "5.5.3", "too many recipients; send to the others separately"),
	wire.NoRoom:            refused(452, "4.3.1", "too much mail is coming in at this moment; try again later"),
}

// decide says what is to become of a message.
func (d *milterDesk) decide(ctx context.Context, m *wire.Message) milter.Decision {
	v, does, err := d.verdict(ctx, m)
	if refusal, is := errors.AsType[*refuse.Refusal](err); is {
		return milter.Decision{Verdict: refused(refusal.Code, refusal.Status.String(), refusal.Text)}
	}
	if err != nil {
		v = refused(451, "4.3.0", "local problem, nothing was accepted; try again later")
	}
	return milter.Decision{Verdict: v, Does: does, Err: err}
}

// verdict is decide, in words too.
func (d *milterDesk) verdict(ctx context.Context, m *wire.Message) (v wire.Verdict, does string, err error) {
	if fault, is := faults[m.Fault]; is {
		return fault, "", nil
	}
	if why := d.copies.silent(); why != "" {
		return refused(451, "4.3.2", "no mail is taken at present; try again later"), "", nil
	}
	here, elsewhere := d.sorted(m.Recipients)
	switch {
	case !d.trusts(m):
	case d.isOurs(m) && len(elsewhere) == 0:
		return v, "left there: all its recipients are there", nil
	case d.isOurs(m) && d.isRecorded(m.Raw):
		return v, "left there: it was recorded here before", nil
	case d.isOurs(m) && d.wasJudged(m):
		return v, "left there: it came from elsewhere, and who sends it on has not signed in", nil
	case d.isOurs(m):
		return d.takeOver(ctx, m, here, elsewhere)
	case m.User != "" || len(here) == 0:
		return v, "left there: its author is at no domain of this organisation", nil
	}
	return d.judge(ctx, m)
}

// sorted are the recipients at domains of ours, and the others.
func (d *milterDesk) sorted(list []wire.Path) (here, elsewhere []wire.Path) {
	for _, r := range list {
		if d.isOwnDomain(r.Address()) {
			here = append(here, r)
		} else {
			elsewhere = append(elsewhere, r)
		}
	}
	return here, elsewhere
}

// isOwnDomain reports whether an address is at a domain of ours. One without a domain is at the
// mail server's.
func (d *milterDesk) isOwnDomain(address string) bool {
	domain := maildomain.OfAddress(address)
	return domain == "" || slices.Contains(d.homeFirst(), domain)
}

// trusts reports whether who brought a message to the mail server may send as people here.
func (d *milterDesk) trusts(m *wire.Message) bool {
	ip := m.Client.Addr().Unmap().WithZone("")
	return m.User != "" || slices.ContainsFunc(d.networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// isOurs reports whether a message is from people at domains of ours, by its header and envelope.
func (d *milterDesk) isOurs(m *wire.Message) bool {
	if from := m.From.Address(); from != "" && !d.isOwnDomain(from) {
		return false
	}
	authors := message.ParseHeader(m.Raw[:m.Header]).From
	return len(authors) > 0 && !slices.ContainsFunc(authors, func(a message.Address) bool { return !d.isOwnDomain(a.Addr) })
}

// wasJudged reports whether a message came from elsewhere and was judged here, and is sent on by
// somebody at the mail server, as by a list, who has not signed in: whoever wrote it may have put
// anybody's name into it. Fields that only say so were removed when it came.
func (d *milterDesk) wasJudged(m *wire.Message) bool {
	return m.User == "" && slices.ContainsFunc(m.Fields, func(f wire.Field) bool {
		return strings.EqualFold(f.Name, "Authentication-Results") && authres.Bears(f.Value, d.gw.Hostname)
	})
}

// isRecorded reports whether a node of this organisation has recorded a message, which comes by
// again on its way out.
func (d *milterDesk) isRecorded(raw []byte) bool {
	token, found, err := record.FindToken(raw)
	if !found || err != nil || !token.VerifySignature() {
		return false
	}
	org, known := d.chain.State().OrgByRecorder(token.Recorder)
	own, member := d.chain.State().OrgByNode(d.id.NodeKey())
	return known && member && org.ID == own.ID
}

// peer is who brought a message to the mail server.
func peerOf(m *wire.Message) trace.Peer {
	p := trace.Peer{Addr: "local", Helo: m.Helo, Protocol: "ESMTP"}
	if m.Client.IsValid() {
		p.Addr = m.Client.String()
	}
	if _, international := m.From.Param("SMTPUTF8"); international {
		p.Protocol = "UTF8SMTP"
	}
	return p
}

func addresses(list []wire.Path) (out []string) {
	for _, r := range list {
		out = append(out, r.Address())
	}
	return out
}

// takeOver queues a message for its recipients elsewhere. The others stay with the mail server.
func (d *milterDesk) takeOver(ctx context.Context, m *wire.Message, here, elsewhere []wire.Path) (v wire.Verdict, does string, err error) {
	gw := d.gw
	gw.RelayFrom = slices.Clone(gw.RelayFrom)
	for _, domain := range d.homeFirst() {
		gw.RelayFrom = append(gw.RelayFrom, "@"+domain)
	}
	to := make([]smtpgw.To, len(elsewhere))
	for i, r := range elsewhere {
		to[i] = smtpgw.To{Address: r.Address(), Parameter: r.Param}
	}
	r, err := smtpgw.NewSubmitter(gw, d.store, d.queue).SubmitFor(ctx, peerOf(m), m.From.Address(), m.From.Param, to, len(here) > 0, m.Raw)
	if err != nil {
		return v, "", err
	}
	if len(here) == 0 {
		return wire.Verdict{Action: wire.Discard}, "taken over as " + r.Ref, nil
	}
	for _, r := range elsewhere {
		v.DropRecipients = append(v.DropRecipients, r.Given)
	}
	return v, "taken over for recipients elsewhere as " + r.Ref, nil
}

// judge marks a message that arrives.
func (d *milterDesk) judge(ctx context.Context, m *wire.Message) (v wire.Verdict, does string, err error) {
	a := &arrival.Arrival{Raw: m.Raw, From: m.From.Address(), Recipients: addresses(m.Recipients), Peer: peerOf(m)}
	for i, r := range a.Recipients {
		if maildomain.OfAddress(r) == "" { // as in <postmaster>
			a.Recipients[i] = r + "@" + d.homeFirst()[0]
		}
	}
	j, err := d.delivery.Judge(ctx, a)
	if err != nil {
		return v, "", err
	}
	does = j.Verdict
	if j.Spam {
		does += ", spam: " + strings.Join(j.Reasons, "; ")
	}
	if j.Discard {
		return wire.Verdict{Action: wire.Discard}, does + ", dropped", nil
	}
	v.RemoveFields = m.Nths(func(f wire.Field) bool { return d.delivery.Foreign(f.Name, f.Value) })
	for line := range fieldsIn(j.Fields()) {
		name, value, _ := strings.Cut(line, ":")
		v.Insert = append(v.Insert, wire.Field{Name: name, Value: value})
	}
	if j.Hold || j.Spam && d.cfg.Milter.Spam == milterHold {
		v.Quarantine = "cairn: " + j.Verdict
	}
	return v, does, nil
}

// fieldsIn are header fields without their last CRLF.
func fieldsIn(header []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		field := ""
		for line := range strings.SplitAfterSeq(string(header), "\r\n") {
			if field != "" && (line == "" || line[0] != ' ' && line[0] != '\t') {
				if !yield(strings.TrimSuffix(field, "\r\n")) {
					return
				}
				field = ""
			}
			field += line
		}
	}
}
