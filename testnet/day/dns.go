package day

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// zone answers what the DNS of the world says. It names nobody whom the plan does not.
type zone struct {
	domains map[string]*domain // by name, which ends in a dot
}

func newZone(p *plan) *zone {
	z := &zone{domains: make(map[string]*domain)}
	for i := range p.domains {
		z.domains[p.domains[i].name+"."] = &p.domains[i]
	}
	return z
}

const (
	hostPrefix  = "mx"
	hostSuffix  = ".example.net."
	senderZone  = ".example.org." // whose servers send mail in
	dmarcPrefix = "_dmarc."
)

// hostAddr is the address of a host of the world: all of 127.0.0.0/8 is loopback.
func hostAddr(host int) [4]byte { return [4]byte{127, 77, byte(host >> 8), byte(host)} }

// answer is the reply to a question: its resources, and whether there is such a name.
func (z *zone) answer(q dnsmessage.Question) (body []dnsmessage.ResourceBody, code dnsmessage.RCode) {
	name := strings.ToLower(q.Name.String())
	d, mails := z.domains[strings.TrimPrefix(name, dmarcPrefix)]
	var host int
	_, err := fmt.Sscanf(name, hostPrefix+"%d"+hostSuffix, &host)
	sends := strings.HasSuffix(name, senderZone)
	switch {
	case mails && d.silent:
		return nil, dnsmessage.RCodeServerFailure
	case mails && name == d.name+".":
		if q.Type == dnsmessage.TypeMX {
			body = append(body, &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(fmt.Sprintf("%s%d%s", hostPrefix, d.host, hostSuffix))})
		}
	case err == nil:
		if q.Type == dnsmessage.TypeA {
			body = append(body, &dnsmessage.AResource{A: hostAddr(host)})
		}
	case name == serverName+".":
		body = text(q, "v=spf1 ip4:127.0.0.0/8 -all")
	case sends && strings.HasPrefix(name, dmarcPrefix):
		body = text(q, "v=DMARC1; p=reject")
	case sends:
		body = text(q, "v=spf1 ip4:127.0.0.0/8 -all")
	default:
		return nil, dnsmessage.RCodeNameError
	}
	return body, dnsmessage.RCodeSuccess
}

func text(q dnsmessage.Question, txt string) []dnsmessage.ResourceBody {
	if q.Type != dnsmessage.TypeTXT {
		return nil
	}
	return []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{txt}}}
}

// reply answers a message of the DNS; nil: it is none.
func (z *zone) reply(query []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	bodies, code := z.answer(q)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true, RCode: code},
		Questions: []dnsmessage.Question{q},
	}
	for _, b := range bodies {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: b})
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// serve answers questions until the connection is closed.
func (z *zone) serve(conn net.PacketConn) error {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if answer := z.reply(buf[:n]); answer != nil {
			conn.WriteTo(answer, from) // who does not get it asks again
		}
	}
}

// resolver asks a server of the DNS, whatever the machine is configured to.
func resolver(server string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}
}
