package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// look is how often it is looked at least whether there are other names, or the clock was set.
	look = time.Hour
	// maxFault is how much of an authority's words is kept, in octets.
	maxFault = 400
)

// Config is what a Keeper goes by.
type Config struct {
	// Directory is the URL of the authority's directory (RFC 8555, section 7.1.1), with https.
	Directory string
	// Email is where the authority may write to; "" for nowhere.
	Email string
	// Roots are who may vouch for the authority's own server; nil: whom this machine trusts.
	Roots *x509.CertPool
	// Agent is this program, for the authority's log.
	Agent string
	// Challenges are those that can be met, HTTP01 and TLSALPN01, the preferred one first.
	Challenges []string
	// Webroot is a folder that a web server serves at port 80 of all names; "": none.
	Webroot string
	// Names are those to be certified now, in lower case, the most important one first.
	Names func() []string
	// Save makes what is to be kept durable.
	Save func([]byte) error
	// Now is the clock, and Log is told of new certificates and of failures.
	Now func() time.Time
	Log *slog.Logger
}

// Keeper has certificates for names. Its methods may be called from many goroutines, Run from one.
type Keeper struct {
	c          Config
	transport  *http.Transport
	challenges challenges

	mu       sync.Mutex
	kept     *Kept
	attempts map[string]*attempts
}

// New returns a Keeper that goes on from what was kept.
func New(c Config, kept *Kept) *Keeper {
	return &Keeper{
		c: c, kept: kept, transport: newTransport(c.Roots), attempts: make(map[string]*attempts),
		challenges: challenges{webroot: c.Webroot, tokens: make(map[string]string), names: make(map[string]*tls.Certificate)},
	}
}

// Challenge is what is shown to an authority that looks by tls-alpn-01; ok is false for anybody
// else.
func (k *Keeper) Challenge(hello *tls.ClientHelloInfo) (cert *tls.Certificate, ok bool, err error) {
	if !asks(hello) {
		return nil, false, nil
	}
	cert, err = k.challenges.shown(hello.ServerName)
	return cert, true, err
}

// ServeHTTP answers an authority that looks by http-01, and anybody else with 404.
func (k *Keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) { k.challenges.ServeHTTP(w, r) }

// Certificate is what a name has; nil: nothing yet.
func (k *Keeper) Certificate(name string) *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept.Names[strings.ToLower(name)].Certificate
}

// Fault is why the last attempt at a name failed, and when the next one is; "": it did not fail.
func (k *Keeper) Fault(name string) (why string, next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.attempts[name]; a != nil && a.err != nil {
		return short(a.err), a.next
	}
	return "", time.Time{}
}

// Run keeps the certificates until ctx is done. wakes says that there may be other names.
func (k *Keeper) Run(ctx context.Context, wakes <-chan struct{}) error {
	defer k.transport.CloseIdleConnections()
	for {
		name, wait := k.next()
		if name != "" {
			k.try(ctx, name)
			if ctx.Err() != nil {
				return nil
			}
			continue
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-wakes:
		case <-again.C:
		}
		again.Stop()
	}
}

// next is a name to be tried now; "": none, and it may be so again after wait.
func (k *Keeper) next() (name string, wait time.Duration) {
	names, now := k.c.Names(), k.c.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for old := range k.attempts {
		if !slices.Contains(names, old) {
			delete(k.attempts, old)
		}
	}
	wait = look
	for _, name := range names[:min(len(names), maxNames)] {
		a := k.attempts[name]
		if a == nil {
			a = new(attempts)
			k.attempts[name] = a
		}
		var has *Certified
		if c, ok := k.kept.Names[name]; ok {
			has = &c
		}
		at := a.due(has, k.c.Directory)
		if !at.After(now) {
			return name, 0
		}
		wait = min(wait, at.Sub(now))
	}
	return "", wait
}

// try has a name certified, or certified anew.
func (k *Keeper) try(ctx context.Context, name string) {
	cert, err := k.obtain(ctx, name)
	if ctx.Err() != nil {
		return // which says nothing about the authority
	}
	k.mu.Lock()
	a := k.attempts[name]
	tell := a.after(err, k.c.Now())
	next := a.next
	k.mu.Unlock()
	switch {
	case err == nil:
		k.c.Log.Info("a certificate was issued", "name", name, "until", cert.Leaf.NotAfter)
	case tell:
		k.c.Log.Error("no certificate was issued, and what is shown stays as it was", "name", name, "err", short(err), "again", next)
	}
}

// obtain has a name certified, and keeps what comes of it.
func (k *Keeper) obtain(ctx context.Context, name string) (*tls.Certificate, error) {
	account, err := k.account()
	if err != nil {
		return nil, err
	}
	key, err := k.key(name)
	if err != nil {
		return nil, err
	}
	cert, err := k.order(ctx, account, name, key, k.inTurn(name))
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	next := k.kept.with(name, Certified{k.c.Directory, cert})
	k.mu.Unlock()
	for old := range next.Names { // of domains that were given up
		if !slices.Contains(k.c.Names(), old) && next.Names[old].Certificate.Leaf.NotAfter.Before(k.c.Now()) {
			delete(next.Names, old)
		}
	}
	if len(next.Names) > maxNames {
		return nil, fmt.Errorf("there are certificates for %d names, and more than %d are not kept", len(next.Names)-1, maxNames)
	}
	return cert, k.save(next)
}

// inTurn are the challenges that can be met: after each failure another one comes first, since the
// way to one of the listeners may be closed.
func (k *Keeper) inTurn(name string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.c.Challenges
	if len(list) == 0 {
		return nil
	}
	first := k.attempts[name].failed % len(list)
	return slices.Concat(list[first:], list[:first])
}

// account is the key of the account, which is made and on the disk before any authority sees it.
func (k *Keeper) account() (*ecdsa.PrivateKey, error) {
	k.mu.Lock()
	kept := k.kept
	k.mu.Unlock()
	if kept.Account != nil {
		return kept.Account, nil
	}
	key, err := drawKey()
	if err != nil {
		return nil, err
	}
	return key, k.save(&Kept{Account: key, Names: kept.Names})
}

// key is that of a name: the one that it has, or another.
func (k *Keeper) key(name string) (*ecdsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.kept.Names[name]; ok {
		if key, ok := c.Certificate.PrivateKey.(*ecdsa.PrivateKey); ok {
			return key, nil
		}
	}
	return drawKey()
}

// save makes kept durable, and what counts.
func (k *Keeper) save(kept *Kept) error {
	text, err := kept.Encode()
	if err == nil {
		err = k.c.Save(text)
	}
	if err != nil {
		return fmt.Errorf("keeping certificates: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = kept
	return nil
}

// short is an error that an authority may have written, cut and in one line.
func short(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the authority did not come to an end in time"
	}
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(text) > maxFault {
		text = strings.ToValidUTF8(text[:maxFault], "") + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
