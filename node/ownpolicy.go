package node

import (
	"net"
	"net/http"
	"strings"
	"time"

	"cairn/node/api"
	"cairn/smtpgw/mtasts"
)

// mtaSTSOff is the value of TLSConfig.MTASTS with which no policy is published; the others are the
// modes of RFC 8461, section 5.
const mtaSTSOff = "off"

const (
	// policyAge is how long those who send go by a policy that they have seen, withdrawnAge by one
	// that asks for nothing any more (RFC 8461, sections 3.2 and 8.3).
	policyAge    = 7 * 24 * time.Hour
	withdrawnAge = 24 * time.Hour
)

// maxPolicyHosts bounds the mail exchangers of our policy.
const maxPolicyHosts = 50

// ownPolicy is what we ask of those who send to our domains; nil: nothing is published.
func (c *Config) ownPolicy() *mtasts.Policy {
	t := &c.TLS
	if t.MTASTS == mtaSTSOff {
		return nil
	}
	p := &mtasts.Policy{Mode: mtasts.Mode(t.MTASTS), MX: t.MTASTSHosts, MaxAge: policyAge}
	if len(p.MX) == 0 {
		p.MX = []string{c.Hostname}
	}
	if p.Mode == mtasts.None {
		p.MaxAge = withdrawnAge
	}
	return p
}

// policyHosts are the names at which our policy is; none if there is none.
func (n *Node) policyHosts() (names []string) {
	if n.cfg.TLS.MTASTS == mtaSTSOff {
		return nil
	}
	for _, d := range n.homeFirst() {
		names = append(names, mtasts.Host(d))
	}
	return names
}

// policyWeb has our policy at the hosts where it belongs, and nothing else.
func (n *Node) policyWeb() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := n.cfg.ownPolicy()
		if p == nil || r.URL.Path != mtasts.Path || r.Method != http.MethodGet && r.Method != http.MethodHead || !n.isPolicyHost(r.Host) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=us-ascii")
		w.Write(p.Text())
	})
}

func (n *Node) isPolicyHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	for _, name := range n.policyHosts() {
		if strings.EqualFold(name, strings.TrimSuffix(host, ".")) {
			return true
		}
	}
	return false
}

// viewPolicy shows our policy, and what has to be in the DNS for others to find it; nil: there is
// none.
func (n *Node) viewPolicy() *api.OwnPolicy {
	p := n.cfg.ownPolicy()
	if p == nil {
		return nil
	}
	v := &api.OwnPolicy{Mode: string(p.Mode), MX: p.MX, MaxAge: int(p.MaxAge.Seconds()), Records: []api.ZoneRecord{}}
	for _, d := range n.homeFirst() {
		v.Records = append(v.Records, n.cfg.policyRecords(d)...)
	}
	return v
}

// policyRecords are those of a domain by which others find our policy; none if there is none.
func (c *Config) policyRecords(domain string) []api.ZoneRecord {
	p := c.ownPolicy()
	if p == nil {
		return nil
	}
	return []api.ZoneRecord{
		{Name: mtasts.Host(domain) + ".", Type: "CNAME", Value: c.Hostname + "."},
		{Name: "_mta-sts." + domain + ".", Type: "TXT", Value: p.Record()},
	}
}
