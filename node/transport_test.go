package node

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/client"
)

// How mail for an organisation goes while none of its nodes answers is set for each, and a pin
// keeps it inside.
func TestTransport(t *testing.T) {
	n, founder := invited(t)
	org, ok := n.chain.State().OrgByKey(founder.Key)
	if !ok {
		t.Fatal("the founder is no member")
	}
	domain := founder.Domains[0]
	toWorld(t, worldDNS{mx: map[string][]*net.MX{domain + ".": {{Host: "mx1." + domain + "."}}}}, "127.0.0.1:1")
	cfg := *n.cfg
	cfg.Outbound.Via = "127.0.0.1:2500" // which takes reserved names too
	var err error
	if n.outside, err = newOutside(&cfg); err != nil {
		t.Fatal(err)
	}
	goes := func(when string, tried time.Duration, want bool) {
		t.Helper()
		route, err := n.fallBack(t.Context(), org, "", domain, false, tried)
		if went := err == nil && len(route.Hosts) > 0; went != want || err != nil && !errors.Is(err, client.ErrStays) {
			t.Errorf("%s, after %s: %v, %v", when, tried, route.To, err)
		}
	}
	set := func(r api.TransportRequest, policy string, after time.Duration, said bool) *api.Transport {
		t.Helper()
		r.Org = domain
		v, err := n.Transport(t.Context(), r)
		if err != nil || v.Policy != policy || v.MXAfter != int64(after/time.Second) || v.Set != said || v.ID != org.ID.String() {
			t.Fatalf("%+v: %+v, %v", r, v, err)
		}
		return v
	}
	if v := set(api.TransportRequest{}, api.PreferPeer, mxAfterDefault, false); len(v.Inside) != 1 {
		t.Errorf("pinned, and shown as %+v", v)
	}
	goes("pinned", 100*time.Hour, false)
	if _, err := n.trust.Unpin(t.Context(), domain, time.Now()); err != nil {
		t.Fatal(err)
	}
	if v := set(api.TransportRequest{}, api.PreferPeer, mxAfterDefault, false); len(v.Inside) != 0 {
		t.Errorf("shown as %+v", v)
	}
	goes("by default", mxAfterDefault-time.Second, false)
	goes("by default", mxAfterDefault, true)
	set(api.TransportRequest{MXAfter: 60}, api.PreferPeer, time.Minute, true)
	goes("a minute", 59*time.Second, false)
	goes("a minute", time.Minute, true)
	set(api.TransportRequest{Policy: api.PeerOnly}, api.PeerOnly, 0, true)
	goes("never", 100*time.Hour, false)
	set(api.TransportRequest{Policy: api.PreferPeer}, api.PreferPeer, mxAfterDefault, true)
	goes("again", mxAfterDefault, true)
	held := func(want bool) {
		t.Helper()
		err := n.store.View(func(rd *mailstore.Reader) error {
			got, err := n.heldUntilIncluded(rd, domain)
			if got != want {
				t.Errorf("held until its record is in a block: %v", got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	held(false)
	set(api.TransportRequest{Hold: api.HoldUntilIncluded}, api.PreferPeer, mxAfterDefault, true)
	held(true)
	set(api.TransportRequest{MXAfter: 60}, api.PreferPeer, time.Minute, true)
	held(true)
	set(api.TransportRequest{Hold: api.HoldNone}, api.PreferPeer, time.Minute, true)
	held(false)
	for _, r := range []api.TransportRequest{
		{Org: domain, Hold: "for ever"},
		{Org: domain, Policy: "mx-only"}, {Org: domain, MXAfter: -1}, {Org: domain, MXAfter: 1 << 40}, {Org: "nobody.example"}, {},
	} {
		if v, err := n.Transport(t.Context(), r); err == nil {
			t.Errorf("%+v is taken: %+v", r, v)
		}
	}
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space(orgSpace).PutJSON(transportKey(org.ID), transport{Version: 2, Policy: "later"})
	})
	if err != nil {
		t.Fatal(err)
	}
	goes("of a later version", 100*time.Hour, false)
	held(true)
	if route := (router{n}).routeTo(org, "", domain, false); route.Outside == nil || route.Peer != org.ID.String() || !strings.HasPrefix(route.To, org.ID.String()) {
		t.Errorf("the route: %+v", route)
	}
}
