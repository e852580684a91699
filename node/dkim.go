package node

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cairn/mailstore/logration"
	"cairn/mailstore/wake"
	"cairn/node/home"
	"cairn/smtpgw/dkim/keyring"
)

const (
	// dkimSoon is how long after the last look the DNS is asked while a record is to come or to
	// go, dkimLater else.
	dkimSoon, dkimLater = 5 * time.Minute, time.Hour
	// dkimPatience is how long the DNS has for one look, of at most dkimLookups at a time.
	dkimPatience = 20 * time.Second
	dkimLookups  = 8
)

// dkimKeys are the node's keys for DKIM signatures, and what the DNS last said of them.
type dkimKeys struct {
	path    string
	changes sync.Mutex // held while ring is made another one
	ring    atomic.Pointer[keyring.Ring]
	faults  atomic.Pointer[map[string]string] // of records, by their names; not there: none, or not known
	made    chan struct{}                     // wakes who asks the DNS
	trouble logration.Trouble                 // with signing
}

// openDKIM reads the keys in a node's directory. There are none at first.
func openDKIM(dir string) (*dkimKeys, error) {
	d := &dkimKeys{path: filepath.Join(dir, filepath.FromSlash(home.DKIMKeys)), made: make(chan struct{}, 1)}
	text, err := os.ReadFile(d.path)
	var ring keyring.Ring
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading keys: %w", err)
	default:
		if ring, err = keyring.DecodeRing(text); err != nil {
			return nil, spoilt(d.path, err)
		}
	}
	d.ring.Store(&ring)
	d.faults.Store(&map[string]string{})
	return d, nil
}

// keep makes ring the one that counts, once it is on the disk. Who calls it holds changes.
func (d *dkimKeys) keep(ring keyring.Ring) error {
	was, err := d.ring.Load().Encode()
	if err != nil {
		return err
	}
	text, err := ring.Encode()
	if err != nil || string(text) == string(was) {
		return err
	}
	if err := replaceFile(d.path, text); err != nil {
		return fmt.Errorf("keeping DKIM keys: %w", err)
	}
	d.ring.Store(&ring)
	return nil
}

// drawDKIM makes a private key.
func drawDKIM(a keyring.Algorithm) (crypto.Signer, error) {
	if a == keyring.RSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// dkimDomains are the domains in whose names mail that leaves for servers outside is signed: ours,
// but those that are kept out of the DNS.
func (n *Node) dkimDomains() []string {
	if n.outside == nil {
		return nil
	}
	return slices.DeleteFunc(n.homeFirst(), isReserved)
}

// signDKIM is the gateway's courier.Sign. A key whose record is not seen signs nothing: mail with a
// signature that fails is worse off than mail without.
func (n *Node) signDKIM(domain string, message ...[]byte) []byte {
	if !slices.Contains(n.dkimDomains(), domain) {
		return nil
	}
	fields, err := keyring.Sign(n.dkim.ring.Load().Signing(domain), n.now(), message...)
	if err != nil && n.dkim.trouble.News(err, time.Now()) {
		n.part("queue").Warn("mail leaves without its DKIM signature", "domain", domain, "err", err)
	}
	return fields
}

// unsigned are the domains whose mail leaves without a signature.
func (n *Node) unsigned() (domains []string) {
	ring := n.dkim.ring.Load()
	for _, d := range n.dkimDomains() {
		if len(ring.Signing(d)) == 0 {
			domains = append(domains, d)
		}
	}
	return domains
}

// watchDKIM sees to keys for the organisation's domains, and asks the DNS now and then whether
// their records are there.
func (n *Node) watchDKIM(ctx context.Context) error {
	wakes, cancel := n.chain.Subscribe() // domains come and go with blocks
	defer cancel()
	again := time.NewTimer(0)
	defer again.Stop()
	var domains []string // for which there are keys
	var trouble, missing said
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wakes:
			if n.unsureOwn() != "" || slices.Equal(domains, n.dkimDomains()) {
				continue
			}
		case <-n.dkim.made:
		case <-again.C:
		}
		if n.unsureOwn() == "" {
			domains = n.dkimDomains()
		}
		err := n.lookAtDKIM(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if trouble.news(err) {
			n.log.Warn("keys for DKIM signatures cannot be made or kept", "err", err)
		}
		if missing.news(n.lackOfDKIM()) {
			n.log.Warn("mail to the rest of the world leaves without a DKIM signature: no record is seen in the DNS", "domains", strings.Join(n.unsigned(), " "),
				"try", n.typable("publish what this prints: cairn dkim show"))
		}
		again.Reset(n.nextDKIM())
	}
}

// lackOfDKIM names the domains whose mail is not signed.
func (n *Node) lackOfDKIM() error {
	if list := n.unsigned(); len(list) > 0 {
		return errors.New(strings.Join(list, " "))
	}
	return nil
}

// nextDKIM is how long the DNS is not asked.
func (n *Node) nextDKIM() time.Duration {
	now := n.now()
	if slices.ContainsFunc(n.dkim.ring.Load().Keys(), func(k keyring.Key) bool {
		s := k.State(now)
		return s == keyring.Waiting || s == keyring.Ended
	}) {
		return dkimSoon
	}
	return dkimLater
}

// lookAtDKIM makes the keys that are lacking and asks the DNS for the records of all.
func (n *Node) lookAtDKIM(ctx context.Context) error {
	n.dkim.changes.Lock()
	defer n.dkim.changes.Unlock()
	ring := *n.dkim.ring.Load()
	var lacks error
	if n.unsureOwn() == "" {
		var more keyring.Ring
		if more, lacks = ring.With(n.dkimDomains(), n.now(), drawDKIM); lacks == nil {
			lacks = n.dkim.keep(more)
		}
		ring = *n.dkim.ring.Load()
	}
	answers, faults := askDKIM(ctx, ring.Keys())
	if ctx.Err() != nil {
		return lacks
	}
	n.dkim.faults.Store(&faults)
	next := ring.Seen(answers, n.now())
	err := n.dkim.keep(next)
	if err == nil {
		n.tellSigners(&ring, &next)
	}
	return errors.Join(lacks, err)
}

// tellSigners logs which keys have begun to sign, and which have ceased to.
func (n *Node) tellSigners(was, now *keyring.Ring) {
	for _, k := range now.Keys() {
		before, after := signs(was, &k), signs(now, &k)
		switch {
		case after && !before:
			n.log.Info("mail to the rest of the world is signed with a DKIM key whose record is in the DNS", "domain", k.Domain, "selector", k.Selector)
		case before && !after:
			n.log.Warn("a DKIM key signs no more", "domain", k.Domain, "selector", k.Selector, "try", n.typable("cairn dkim ls"))
		}
	}
}

// signs reports whether a key is one that signs.
func signs(r *keyring.Ring, k *keyring.Key) bool {
	return slices.ContainsFunc(r.Signing(k.Domain), func(s keyring.Key) bool { return s.Selector == k.Selector })
}

// askDKIM asks the DNS for the records of keys: the answers, and what is wrong with the records
// that are not as they should be, by the names of the records.
func askDKIM(ctx context.Context, keys []keyring.Key) (map[string]keyring.Answer, map[string]string) {
	ctx, cancel := context.WithTimeout(ctx, dkimPatience)
	defer cancel()
	var mu sync.Mutex
	answers, faults := make(map[string]keyring.Answer), make(map[string]string)
	var asking sync.WaitGroup
	free := make(chan struct{}, dkimLookups)
	for _, k := range keys {
		asking.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			answer, fault := askDKIMRecord(ctx, &k)
			mu.Lock()
			defer mu.Unlock()
			answers[k.Name()] = answer
			if fault != "" {
				faults[k.Name()] = fault
			}
		})
	}
	asking.Wait()
	return answers, faults
}

func askDKIMRecord(ctx context.Context, k *keyring.Key) (keyring.Answer, string) {
	texts, err := lookupTXT(ctx, k.Name())
	if none, ok := errors.AsType[*net.DNSError](err); ok && none.IsNotFound {
		texts, err = nil, nil
	}
	if err != nil {
		return keyring.NoAnswer, "the DNS does not answer"
	}
	if fault := k.Check(texts); fault != "" {
		return keyring.Absent, fault
	}
	return keyring.Present, ""
}

// rotateDKIM makes new keys for a domain, by the rule of another ring.
func (n *Node) rotateDKIM(domain string, another func(keyring.Ring, string, time.Time, keyring.Draw) (keyring.Ring, error)) error {
	n.dkim.changes.Lock()
	defer n.dkim.changes.Unlock()
	ring, err := another(*n.dkim.ring.Load(), domain, n.now(), drawDKIM)
	if err == nil {
		err = n.dkim.keep(ring)
	}
	if err == nil {
		wake.Up(n.dkim.made)
	}
	return err
}
