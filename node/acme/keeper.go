package acme

import (
	"context"
	"crypto"
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
	// saveAgain is how long after what counts could not be saved that is tried again.
	saveAgain = time.Minute
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
	// Challenges are those that can be met, HTTP01, TLSALPN01 and DNS01, the preferred one first.
	Challenges []string
	// Webroot is a folder that a web server serves at port 80 of all names; "": none.
	Webroot string
	// Publish has the DNS show a text under a name, for DNS01, and returns once it does, within
	// PublishTime; withdraw takes it back. After an error nothing is to be taken back.
	Publish     func(ctx context.Context, name, value string) (withdraw func() error, err error)
	PublishTime time.Duration
	// Names are those to be certified now, in lower case, the most important one first.
	Names func() []string
	// Next is the key that is to take the place of that of a name, and whether it is to do so now:
	// it is certified then, and used. Nil: none. Nil in place of it: the keys stay as they are.
	Next func(name string) (key *ecdsa.PrivateKey, use bool)
	// Issued is told of each name with another certificate, unless it is nil.
	Issued func(name string)
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

	again chan struct{} // wakes Run

	mu       sync.Mutex
	kept     *Kept // but for its attempts, which are those below
	attempts map[string]*attempts
	unsaved  error // why kept is not on the disk; nil: it is
	saveNext time.Time
}

// New returns a Keeper that goes on from what was kept.
func New(c Config, kept *Kept) *Keeper {
	k := &Keeper{
		c: c, kept: kept, transport: newTransport(c.Roots), attempts: make(map[string]*attempts), again: make(chan struct{}, 1),
		challenges: challenges{webroot: c.Webroot, publish: c.Publish, tokens: make(map[string]string), names: make(map[string]*tls.Certificate)},
	}
	k.challenges.left = func(name string, err error) {
		c.Log.Warn("a record in the DNS was not removed", "name", name, "err", short(err))
	}
	for name, a := range kept.Attempts {
		if a.Directory == c.Directory { // of another authority they say nothing
			k.attempts[name] = &attempts{failed: a.Failed, next: a.Next, err: errors.New(a.Why), asked: a.Asked}
		}
	}
	return k
}

// Again has the names tried at once that failed, but those for which the authority said when.
func (k *Keeper) Again() {
	k.mu.Lock()
	for _, a := range k.attempts {
		if a.err != nil && !a.asked {
			a.next = time.Time{}
		}
	}
	k.mu.Unlock()
	k.Wake()
}

// Wake has it looked at once whether a name is to be tried.
func (k *Keeper) Wake() {
	select {
	case k.again <- struct{}{}:
	default:
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

// Fault is why the last attempt at a name failed, or what was issued is not on the disk, and when
// that is tried again; "": all is well.
func (k *Keeper) Fault(name string) (why string, next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.attempts[name]; a != nil && a.err != nil {
		return short(a.err), a.next
	}
	if k.unsaved != nil {
		return short(k.unsaved), k.saveNext
	}
	return "", time.Time{}
}

// Run keeps the certificates until ctx is done. wakes says that there may be other names.
func (k *Keeper) Run(ctx context.Context, wakes <-chan struct{}) error {
	defer k.transport.CloseIdleConnections()
	defer k.saveWhatIsNot() // the last occasion
	for {
		saving := k.saveInTime()
		name, wait := k.next()
		wait = min(wait, saving)
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
		case <-k.again:
		case <-again.C:
		}
		again.Stop()
	}
}

// next is a name to be tried now; "": none, and it may be so again after wait.
func (k *Keeper) next() (name string, wait time.Duration) {
	names, now := k.c.Names(), k.c.Now()
	names = names[:min(len(names), maxNames)]
	k.mu.Lock()
	defer k.mu.Unlock()
	for old := range k.attempts {
		if !slices.Contains(names, old) {
			delete(k.attempts, old)
		}
	}
	wait = look
	for _, name := range names {
		a := k.attempts[name]
		if a == nil {
			a = new(attempts)
			k.attempts[name] = a
		}
		a.settled(now)
		var has *Certified
		if c, ok := k.kept.Names[name]; ok {
			has = &c
		}
		at := a.due(has, k.c.Directory)
		if has != nil && k.successor(name, has) != nil {
			at = a.next
		}
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
	next, kept := a.next, k.kept
	k.mu.Unlock()
	if err != nil {
		k.save(kept)
	}
	switch {
	case err == nil:
		if k.c.Issued != nil {
			k.c.Issued(name)
		}
		k.c.Log.Info("a certificate was issued", "name", name, "until", cert.Leaf.NotAfter)
	case tell:
		k.c.Log.Error("no certificate was issued, and what is shown stays as it was", "name", name, "err", short(err), "again", next)
	}
}

// obtain has a name certified, and keeps what comes of it. What cannot be kept is not asked for:
// authorities count what they issue.
func (k *Keeper) obtain(ctx context.Context, name string) (*tls.Certificate, error) {
	if err := k.roomFor(name); err != nil {
		return nil, err
	}
	account, err := k.account()
	if err != nil {
		return nil, err
	}
	key, err := k.key(name)
	if err != nil {
		return nil, err
	}
	if err := k.begin(name); err != nil {
		return nil, err
	}
	cert, err := k.order(ctx, account, name, key, k.inTurn(name))
	if err != nil {
		return nil, err
	}
	if !k.use(name, cert) {
		return nil, errors.New("the next key was given up while it was certified")
	}
	return cert, nil
}

// begin notes an attempt as one that failed, before the authority hears of it: a node that does not
// live to see its end waits as after any other.
func (k *Keeper) begin(name string) error {
	now := k.c.Now()
	k.mu.Lock()
	note := *k.attempts[name]
	note.after(errUnfinished, now)
	kept := *k.kept
	kept.Attempts = k.noted()
	kept.Attempts[name] = note.kept(k.c.Directory)
	k.mu.Unlock()
	return k.write(&kept)
}

// noted is what is kept of the attempts. Who calls it holds mu.
func (k *Keeper) noted() map[string]Attempt {
	list := make(map[string]Attempt)
	for name, a := range k.attempts {
		if a.err != nil && len(list) < maxNames {
			list[name] = a.kept(k.c.Directory)
		}
	}
	return list
}

// roomFor makes room for a certificate of a name: those of domains that were given up make place
// once they are past their time.
func (k *Keeper) roomFor(name string) error {
	names, now := k.c.Names(), k.c.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = k.kept.without(func(old string, c *Certified) bool {
		return !slices.Contains(names, old) && c.Certificate.Leaf.NotAfter.Before(now)
	})
	if _, has := k.kept.Names[name]; !has && len(k.kept.Names) >= maxNames {
		return fmt.Errorf("there are certificates for %d names, and more than %d are not kept", len(k.kept.Names), maxNames)
	}
	return nil
}

// use lets a certificate that was issued count, at once: that it cannot be saved makes it no worse,
// and another one would be no better. One for a next key that was given up meanwhile is not taken.
func (k *Keeper) use(name string, cert *tls.Certificate) (taken bool) {
	k.mu.Lock()
	if c, ok := k.kept.Names[name]; ok && !sameKey(&c, cert.PrivateKey) && !k.isNext(name, cert.PrivateKey) {
		k.mu.Unlock()
		return false
	}
	k.kept = k.kept.with(name, Certified{k.c.Directory, cert})
	*k.attempts[name] = attempts{}
	kept, known := k.kept, k.unsaved != nil
	k.mu.Unlock()
	if err := k.save(kept); err != nil && !known {
		_, next := k.Fault("")
		k.c.Log.Error("certificates that were issued are shown, and are not on the disk", "err", short(err), "again", next)
	}
	return true
}

// successor is the key that is to take the place of the one of c now; nil: none.
func (k *Keeper) successor(name string, c *Certified) *ecdsa.PrivateKey {
	if k.c.Next == nil {
		return nil
	}
	next, use := k.c.Next(name)
	if next == nil || !use || sameKey(c, next) {
		return nil
	}
	return next
}

// isNext reports whether key is the one that is to come for a name.
func (k *Keeper) isNext(name string, key crypto.PrivateKey) bool {
	if k.c.Next == nil {
		return false
	}
	next, _ := k.c.Next(name)
	return next != nil && next.Equal(key)
}

func sameKey(c *Certified, key crypto.PrivateKey) bool {
	has, ok := c.Certificate.PrivateKey.(*ecdsa.PrivateKey)
	return ok && has.Equal(key)
}

// saveInTime saves what is not on the disk once that is to be tried again, and returns how long it
// is until then.
func (k *Keeper) saveInTime() time.Duration {
	now := k.c.Now()
	k.mu.Lock()
	unsaved, wait := k.unsaved, k.saveNext.Sub(now)
	k.mu.Unlock()
	switch {
	case unsaved == nil:
		return look
	case wait > 0 && wait <= saveAgain: // else the clock was set
		return wait
	}
	k.saveWhatIsNot()
	return saveAgain
}

// saveWhatIsNot saves what counts if it is not on the disk.
func (k *Keeper) saveWhatIsNot() {
	k.mu.Lock()
	kept, unsaved := k.kept, k.unsaved
	k.mu.Unlock()
	if unsaved != nil && k.save(kept) == nil {
		k.c.Log.Info("what authorities issued and answered is on the disk now")
	}
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
	next := &Kept{Account: key, Names: kept.Names}
	if err := k.write(k.whole(next)); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = next
	return key, nil
}

// key is that of a name: the one that is to come now, the one that it has, or another.
func (k *Keeper) key(name string) (*ecdsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.kept.Names[name]; ok {
		if next := k.successor(name, &c); next != nil {
			return next, nil
		}
		if key, ok := c.Certificate.PrivateKey.(*ecdsa.PrivateKey); ok {
			return key, nil
		}
	}
	return drawKey()
}

// save makes durable what counts, and notes whether it is.
func (k *Keeper) save(kept *Kept) error {
	err := k.write(k.whole(kept))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unsaved, k.saveNext = err, k.c.Now().Add(saveAgain)
	return err
}

// whole is kept with what is kept of the attempts.
func (k *Keeper) whole(kept *Kept) *Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := *kept
	next.Attempts = k.noted()
	return &next
}

// write makes kept durable.
func (k *Keeper) write(kept *Kept) error {
	text, err := kept.Encode()
	if err == nil {
		err = k.c.Save(text)
	}
	if err != nil {
		return fmt.Errorf("keeping certificates: %w", err)
	}
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
