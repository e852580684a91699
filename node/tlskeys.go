package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cairn/node/home"
	"cairn/node/keyroll"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/tlsa"
)

const (
	// tlsLook is how often the DNS is asked for the records of keys while one is to come, and
	// tlsPatience how long it has each time.
	tlsLook     = 5 * time.Minute
	tlsPatience = 20 * time.Second
	// formerTold is how long it is told that a record may go of which it is not seen whether it is
	// there.
	formerTold = 7 * 24 * time.Hour
)

// tlsKeys are the keys that are to come after those of the node's certificates.
type tlsKeys struct {
	path    string
	changes sync.Mutex // held while ring is made another one
	ring    atomic.Pointer[keyroll.Ring]
	using   atomic.Pointer[map[string]bool]   // names whose next key is to be used now
	found   atomic.Pointer[map[string]string] // what the last look at a name rests on, in words
	again   chan struct{}                     // wakes who asks the DNS
}

// openTLSKeys reads what is kept of keys to come. There is nothing at first.
func openTLSKeys(dir string) (*tlsKeys, error) {
	t := &tlsKeys{path: filepath.Join(dir, filepath.FromSlash(home.TLSKeys)), again: make(chan struct{}, 1)}
	text, err := os.ReadFile(t.path)
	ring := new(keyroll.Ring)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading keys: %w", err)
	default:
		if ring, err = keyroll.Decode(text); err != nil {
			return nil, spoilt(t.path, err)
		}
	}
	t.ring.Store(ring)
	t.using.Store(&map[string]bool{})
	t.found.Store(&map[string]string{})
	return t, nil
}

// next is the key that is to come for a name; use: now. It is that of acme.Config.
func (t *tlsKeys) next(name string) (key *ecdsa.PrivateKey, use bool) {
	n := t.ring.Load().Of(name).Next
	if n == nil {
		return nil, false
	}
	return n.Key, (*t.using.Load())[name]
}

// keep makes what is kept of a name durable, then lets it count. Who calls it holds changes.
func (t *tlsKeys) keep(ring *keyroll.Ring) error {
	text, err := ring.Encode()
	if err == nil {
		err = replaceFile(t.path, text)
	}
	if err != nil {
		return fmt.Errorf("keeping the next TLS keys: %w", err)
	}
	t.ring.Store(ring)
	return nil
}

// note puts something into a map that others read meanwhile.
func note[V any](at *atomic.Pointer[map[string]V], name string, v V) {
	next := maps.Clone(*at.Load())
	next[name] = v
	at.Store(&next)
}

// presentRecord is the TLSA record of the key that is shown for a name.
func (n *Node) presentRecord(name string) string {
	shown, _ := n.shownFor(name)
	return keyroll.Record(shown.Leaf.PublicKey)
}

// tlsaAt is under which name the records of a host's key at port 25 stand.
func tlsaAt(name string) string { return "_25._tcp." + name }

// published is what the DNS says of the records of a name, if it is known.
type published struct {
	counts bool // a resolver that validates was asked, and has validated them
	answer dnssec.Answer
	why    string // in words
	err    error  // it is not known
}

// askPublished asks for the TLSA records of a name.
func (n *Node) askPublished(ctx context.Context, name string) (p published) {
	if isReserved(name) {
		return published{why: "such names are kept out of the DNS (RFC 6761)"}
	}
	if n.outside == nil || n.outside.signed == nil {
		return published{why: "there is no resolver here that validates DNSSEC, so records are not looked for"}
	}
	on, why, err := n.outside.signed.counts(ctx, n.now())
	if err == nil && !on && dnssec.Unknown(why) {
		err = why // it may validate
	}
	switch {
	case err != nil:
		return published{err: err}
	case !on:
		return published{why: "the resolver does not validate DNSSEC, so records are not looked for"}
	}
	p.answer, p.err = n.outside.signed.resolver.Ask(ctx, tlsaAt(name)+".", dnssec.TypeTLSA)
	if p.counts = p.err == nil && p.answer.Secure; !p.counts {
		p.why = "the zone is not signed (DNSSEC), so records count for nothing"
	}
	return p
}

// judge holds what is published to a key in use and the next one.
func (p *published) judge(next *keyroll.Next, present string) (a keyroll.Answer, why string) {
	switch {
	case p.err != nil:
		return keyroll.NotKnown, "the DNS does not answer"
	case !p.counts:
		return keyroll.Nothing, p.why
	}
	records, err := tlsa.Records(&p.answer)
	if err != nil {
		return keyroll.Lacking, "the records cannot be read"
	}
	switch a = next.Judge(records, present); a {
	case keyroll.Nothing:
		return a, "there are no records"
	case keyroll.Both:
		return a, "the records of both keys are there"
	}
	if !p.has(present) {
		return a, "the record of the key in use is not there"
	}
	return a, "the record of the next key is not there"
}

// has reports whether a record is published, and counts.
func (p *published) has(record string) bool {
	records, err := tlsa.Records(&p.answer)
	if err != nil || !p.counts {
		return false
	}
	for _, r := range records {
		if r.String() == record {
			return true
		}
	}
	return false
}

// gone reports whether the record of a former key is to be told of no more: it is not there, or
// nobody can say so and it was told for long enough.
func (p *published) gone(f *keyroll.Former, now time.Time) bool {
	if p.counts {
		return !p.has(f.Record)
	}
	return p.err == nil && now.Sub(f.Until) > formerTold
}

// lookAtTLS asks the DNS about all names of which something is kept, and has the next keys used
// whose time has come.
func (n *Node) lookAtTLS(ctx context.Context) error {
	t := n.tlsKeys
	t.changes.Lock()
	defer t.changes.Unlock()
	ctx, cancel := context.WithTimeout(ctx, tlsPatience)
	defer cancel()
	var all error
	for _, name := range t.ring.Load().Names() {
		if slices.ContainsFunc(n.certifiedNames(), func(s string) bool { return strings.ToLower(s) == name }) {
			all = errors.Join(all, n.lookAtTLSName(ctx, name))
		}
	}
	return all
}

// lookAtTLSName is lookAtTLS for one name. Who calls it holds changes.
func (n *Node) lookAtTLSName(ctx context.Context, name string) error {
	t := n.tlsKeys
	if err := n.settleTLS(name); err != nil {
		return err
	}
	ring := t.ring.Load()
	kept := ring.Of(name)
	p := n.askPublished(ctx, name)
	if kept.Next == nil {
		if p.gone(kept.Former, n.now()) {
			return t.keep(ring.With(name, keyroll.Name{}))
		}
		return nil
	}
	answer, why := p.judge(kept.Next, n.presentRecord(name))
	note(&t.found, name, why)
	next := kept.Next.After(answer, p.answer.Told, n.now())
	if next != *kept.Next {
		if err := t.keep(ring.With(name, keyroll.Name{Next: &next, Former: kept.Former})); err != nil {
			return err
		}
	}
	due := next.Due(answer, n.now())
	note(&t.using, name, due)
	if !due {
		return nil
	}
	return n.useTLS(name, next.Key)
}

// useTLS has a next key used whose time has come.
func (n *Node) useTLS(name string, key *ecdsa.PrivateKey) error {
	switch _, source := n.shownFor(name); {
	case source == "acme":
		n.certificate.issued.Wake()
		return nil
	case source != "own" || name != strings.ToLower(n.cfg.Hostname) || n.cfg.TLS.ACME:
		return nil // the configuration is another one by now
	}
	was := n.presentRecord(name)
	if err := n.certificate.changeOwn(n.dir, key, n.now()); err != nil {
		return err
	}
	return n.usedTLS(name, was)
}

// settleTLS notes that the next key of a name is in use, as after an authority has certified it.
func (n *Node) settleTLS(name string) error {
	kept := n.tlsKeys.ring.Load().Of(name)
	if kept.Next == nil || n.presentRecord(name) != kept.Next.Record() {
		return nil
	}
	return n.usedTLS(name, kept.Next.Before)
}

// usedTLS notes that the next key of a name has come into use in place of that with the record.
func (n *Node) usedTLS(name, record string) error {
	t := n.tlsKeys
	ring := t.ring.Load()
	if err := t.keep(ring.With(name, ring.Of(name).Used(record, n.now()))); err != nil {
		return err
	}
	note(&t.using, name, false)
	n.part("smtp").Info("the next TLS key is in use, and the TLSA record of the one before may go", "name", name, "record", record)
	return nil
}

// rollTLS makes the next key of a name. Who calls it has seen that it may have one.
func (n *Node) rollTLS(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	t := n.tlsKeys
	ring := t.ring.Load()
	kept := keyroll.Name{Next: &keyroll.Next{Key: key, Made: n.now().UTC(), Before: n.presentRecord(name)}, Former: ring.Of(name).Former}
	var ours []string
	for _, s := range n.certifiedNames() {
		ours = append(ours, strings.ToLower(s))
	}
	note(&t.using, name, false)
	return t.keep(ring.Only(ours).With(name, kept))
}

// watchTLSKeys looks for the records of next keys now and then, and uses those whose time has come.
func (n *Node) watchTLSKeys(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	var trouble said
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.tlsKeys.again:
		case <-again.C:
		}
		if err := n.lookAtTLS(ctx); ctx.Err() == nil && trouble.news(err) {
			n.part("smtp").Error("the next TLS key cannot be kept or used", "err", err)
		}
		again.Reset(tlsLook)
	}
}
