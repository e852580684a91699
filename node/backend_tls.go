package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"cairn/node/api"
	"cairn/node/keyroll"
)

// TLSKeys lists the keys of a name, or of all, after a look at the DNS.
func (n *Node) TLSKeys(ctx context.Context, name string) (*api.TLSKeys, error) {
	if name != "" {
		var err error
		if name, err = n.certifiedName(name); err != nil {
			return nil, err
		}
	}
	if err := n.lookAtTLS(ctx); err != nil {
		return nil, err
	}
	return n.viewTLSKeys(name), nil
}

// RollTLS makes the next key of a name.
func (n *Node) RollTLS(ctx context.Context, name string) (*api.TLSKeys, error) {
	name, err := n.certifiedName(name)
	if err != nil {
		return nil, err
	}
	if err := n.mayRoll(name); err != nil {
		return nil, err
	}
	if err := n.beginRoll(name); err != nil {
		return nil, err
	}
	return n.TLSKeys(ctx, name)
}

func (n *Node) beginRoll(name string) error {
	n.tlsKeys.changes.Lock()
	defer n.tlsKeys.changes.Unlock()
	if n.tlsKeys.ring.Load().Of(name).Next != nil {
		return api.Errorf(api.CodeExists, "see how far it is: cairn tls ls", "rolling the key of %s: there is a next key already", name)
	}
	return n.rollTLS(name)
}

// CancelRollTLS gives the next key of a name up.
func (n *Node) CancelRollTLS(_ context.Context, name string) (*api.TLSKeys, error) {
	name, err := n.certifiedName(name)
	if err != nil {
		return nil, err
	}
	t := n.tlsKeys
	t.changes.Lock()
	defer t.changes.Unlock()
	ring := t.ring.Load()
	kept := ring.Of(name)
	if kept.Next == nil {
		return nil, api.Errorf(api.CodeNotFound, "cairn tls ls", "giving the next key of %s up: there is none", name)
	}
	if err := t.keep(ring.With(name, keyroll.Name{Former: kept.Former})); err != nil {
		return nil, err
	}
	if n.presentRecord(name) == kept.Next.Record() { // an authority was faster
		if err := t.keep(ring.With(name, kept.Used(kept.Next.Before, n.now()))); err != nil {
			return nil, err
		}
		return nil, api.Errorf(api.CodeNotAllowed, "make another one: cairn tls roll", "giving the next key of %s up: it is in use already", name)
	}
	note(&t.using, name, false)
	return n.viewTLSKeys(name), nil
}

// certifiedName is one of the names for which a certificate is shown, in lower case; "" is the host
// name.
func (n *Node) certifiedName(name string) (string, error) {
	if name == "" {
		name = n.cfg.Hostname
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !slices.ContainsFunc(n.certifiedNames(), func(s string) bool { return strings.ToLower(s) == name }) {
		return "", api.Errorf(api.CodeNotFound, "cairn tls ls", "the keys of %.253q: the node shows no certificate for this name", name)
	}
	return name, nil
}

// mayRoll says why the key of a name is not this node's to change; nil: it is.
func (n *Node) mayRoll(name string) error {
	switch _, source := n.shownFor(name); {
	case source == "file":
		return api.Errorf(api.CodeNotAllowed, "publish the record of the next key for two TTLs, then have tls.certificate_file and tls.key_file changed",
			"rolling the key of %s: it is that of tls.key_file, which the node does not make", name)
	case source == "own" && n.cfg.TLS.ACME:
		return api.Errorf(api.CodeNotAllowed, "cairn doctor", "rolling the key of %s: no authority has certified the name yet", name)
	case source == "own" && name != strings.ToLower(n.cfg.Hostname):
		return api.Errorf(api.CodeNotAllowed, "cairn tls roll", "rolling the key of %s: the certificate of %s is shown for it", name, n.cfg.Hostname)
	}
	return nil
}

// viewTLSKeys shows the keys of a name, or with "" of all, as the DNS was last seen.
func (n *Node) viewTLSKeys(name string) *api.TLSKeys {
	list := &api.TLSKeys{Keys: []api.TLSKey{}}
	for _, c := range n.viewCertificates() {
		if lower := strings.ToLower(c.Name); name == "" || lower == name {
			list.Keys = append(list.Keys, n.viewTLSKey(lower, &c))
		}
	}
	return list
}

// states are what the DNS has said, in api's words.
var states = map[keyroll.Answer]string{keyroll.NotKnown: "unknown", keyroll.Lacking: "missing", keyroll.Both: "seen", keyroll.Nothing: "unpublished"}

func (n *Node) viewTLSKey(name string, c *api.Certificate) api.TLSKey {
	v := api.TLSKey{Name: name, Source: c.Source, Until: c.Until, Owner: tlsaAt(name), Record: n.presentRecord(name), Fault: c.Fault}
	kept := n.tlsKeys.ring.Load().Of(name)
	if f := kept.Former; f != nil {
		v.Former = &api.TLSFormer{Record: f.Record, Until: f.Until.UTC()}
	}
	if k := kept.Next; k != nil {
		v.Next = &api.TLSNext{
			Record: k.Record(), Made: k.Made.UTC(), State: states[k.Last], TTL: int64(k.TTL / time.Second),
			Using: (*n.tlsKeys.using.Load())[name], Why: (*n.tlsKeys.found.Load())[name],
		}
		if k.Last != keyroll.NotKnown {
			v.Next.Since = k.Since.UTC()
		}
		if at := k.Ready(); !at.IsZero() {
			v.Next.Ready = at.UTC()
		}
	}
	return v
}
