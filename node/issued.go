package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cairn/mailstore/wake"
	"cairn/node/acme"
	"cairn/node/acme/dns01"
	"cairn/node/api"
	"cairn/node/doctor"
	"cairn/node/home"
)

// letsEncrypt is the directory of the authority that is asked unless the configuration says other.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// openACME reads what authorities issued. There is nothing at first.
func openACME(dir string) (*acme.Kept, error) {
	path := filepath.Join(dir, filepath.FromSlash(home.ACMEFile))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(acme.Kept), nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	kept, err := acme.Decode(text)
	if err != nil {
		return nil, spoilt(path, err)
	}
	return kept, nil
}

// openIssued prepares for certificates of an authority, if there are to be some. A file that says
// nothing keeps no node from its mail: it shows the certificate of its own making.
func (n *Node) openIssued() error {
	t := &n.cfg.TLS
	if !t.ACME {
		return nil
	}
	var roots *x509.CertPool
	if t.ACMECAFile != "" {
		text, err := os.ReadFile(t.ACMECAFile)
		if roots = x509.NewCertPool(); err == nil && !roots.AppendCertsFromPEM(text) {
			err = fmt.Errorf("%s has no certificate in PEM", t.ACMECAFile)
		}
		if err != nil {
			return n.unusable("tls.acme_ca_file", err, "name a file of certificates in PEM that this user may read")
		}
	}
	byDNS, err := openDNS01(n.cfg, n.now)
	if err != nil {
		return err
	}
	kept, err := openACME(n.dir)
	if err != nil {
		n.acmeFault = err
		n.log.Error("no authority is asked for certificates", "err", err, "try", n.typable(hintOf(err)))
		return nil
	}
	var challenges []string
	if t.HTTPSListen != "" {
		challenges = append(challenges, acme.TLSALPN01)
	}
	if t.HTTPListen != "" || t.Webroot != "" {
		challenges = append(challenges, acme.HTTP01)
	}
	var publish func(ctx context.Context, name, value string) (func() error, error)
	if byDNS != nil {
		challenges, publish = append([]string{acme.DNS01}, challenges...), byDNS.Publish
	}
	path := filepath.Join(n.dir, filepath.FromSlash(home.ACMEFile))
	n.certificate.issued = acme.New(acme.Config{
		Directory: t.ACMEDirectory, Email: t.ACMEEmail, Roots: roots, Agent: Software, Challenges: challenges, Webroot: t.Webroot, Publish: publish, PublishTime: dns01.Time,
		Names: n.certifiedNames, Next: n.tlsKeys.next, Issued: func(string) { wake.Up(n.tlsKeys.again) }, Save: func(text []byte) error { return replaceFile(path, text) }, Now: n.now, Log: n.part("smtp"),
	}, kept)
	return nil
}

// certifiedNames are those that an authority is to certify.
func (n *Node) certifiedNames() []string {
	return append([]string{n.cfg.Hostname}, n.policyHosts()...)
}

// keepIssued sees to the certificates of an authority.
func (n *Node) keepIssued(ctx context.Context) error {
	if n.certificate.issued == nil {
		return nil
	}
	wakes, cancel := n.chain.Subscribe() // domains come and go with blocks
	defer cancel()
	return n.certificate.issued.Run(ctx, wakes)
}

// endsLook is how often it is looked whether a certificate ends soon, endsTold how often that is
// told.
const (
	endsLook = time.Hour
	endsTold = 24 * time.Hour
)

// watchCertificates tells of certificates that end soon, whoever is to renew them.
func (n *Node) watchCertificates(ctx context.Context) error {
	told := make(map[string]time.Time)
	again := time.NewTicker(endsLook)
	defer again.Stop()
	for {
		n.tellEnds(told, n.now())
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// tellEnds tells of the names whose certificate ends soon, of each once a day; told is when that
// was.
func (n *Node) tellEnds(told map[string]time.Time, now time.Time) {
	for _, name := range n.certifiedNames() {
		shown, _ := n.shownFor(name)
		if !endsSoon(shown.Leaf, now) {
			delete(told, name)
			continue
		}
		if last, ok := told[name]; ok && !now.Before(last) && now.Sub(last) < endsTold {
			continue
		}
		told[name] = now
		n.part("smtp").Warn("a certificate ends soon, or has ended", "name", name, "until", shown.Leaf.NotAfter, "try", n.typable("cairn doctor"))
	}
}

// endsSoon reports whether a certificate should have been renewed. Of one for days alone it is the
// last sixth of its life.
func endsSoon(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < min(doctor.CertSoon, leaf.NotAfter.Sub(leaf.NotBefore)/6)
}

// shownFor is what the servers show for one of our names, and whose it is.
func (n *Node) shownFor(name string) (cert *tls.Certificate, source string) {
	if issued := n.certificate.issued; issued != nil {
		if cert := issued.Certificate(name); cert != nil {
			return cert, "acme"
		}
	}
	if n.cfg.TLS.CertificateFile != "" {
		return n.certificate.get(), "file"
	}
	return n.certificate.get(), "own"
}

// viewCertificates shows what the servers show for which name.
func (n *Node) viewCertificates() []api.Certificate {
	list := []api.Certificate{}
	for _, name := range n.certifiedNames() {
		shown, source := n.shownFor(name)
		v := api.Certificate{Name: name, Source: source, Until: shown.Leaf.NotAfter.UTC()}
		if issued := n.certificate.issued; issued != nil {
			if v.Fault, v.Again = issued.Fault(name); v.Fault != "" {
				v.Again, v.Next = v.Again.UTC(), doctor.NextIssued(n.cfg.TLS.byDNS())
			}
		} else if n.acmeFault != nil {
			v.Fault, v.Next = n.acmeFault.Error(), n.typable(hintOf(n.acmeFault))
		}
		list = append(list, v)
	}
	return list
}
