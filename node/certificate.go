package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cairn/node/acme"
	"cairn/node/home"
)

const (
	// ownCertYears is how long a certificate counts that a node makes for itself. Nobody who asks
	// for a certificate takes it; for the others its age is nothing.
	ownCertYears = 10
	// certLook is how long the files of a certificate are taken for unchanged.
	certLook = 10 * time.Second
)

// certificate is what the node's servers show of whom they are: what stands in two files, read anew
// when these change, what an authority issued, or one of its own making.
type certificate struct {
	host   string
	issued *acme.Keeper // nil: no authority is asked

	cert, key string // files
	now       func() time.Time
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time // of the files, as current was read
	current *tls.Certificate
}

// openCertificate reads the certificate that is configured, or makes one for the host name.
func openCertificate(c *Config, dir string, now func() time.Time, log *slog.Logger) (*certificate, error) {
	if c.TLS.CertificateFile == "" {
		own, err := ownCertificate(filepath.Join(dir, home.CertificateFile), c.Hostname, now())
		return &certificate{host: c.Hostname, current: own}, err
	}
	f := &certificate{host: c.Hostname, cert: c.TLS.CertificateFile, key: c.TLS.KeyFile, now: now, log: log}
	if err := f.read(); err != nil {
		return nil, &ConfigError{Key: "tls.certificate_file", Cause: err.Error(), Next: "let tls.certificate_file and tls.key_file name a chain of certificates and its key in PEM that this user may read"}
	}
	return f, nil
}

// config is what a server takes TLS by.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return c.shown(hello), nil },
	}
}

// shown is the certificate for whoever says hello: the one that was issued for the name that is
// asked for, or for the host name, else the other one.
func (c *certificate) shown(hello *tls.ClientHelloInfo) *tls.Certificate {
	if c.issued != nil {
		names := []string{c.host}
		if hello != nil {
			names = []string{hello.ServerName, c.host}
		}
		for _, name := range names {
			if cert := c.issued.Certificate(name); cert != nil {
				return cert
			}
		}
	}
	return c.get()
}

// get is the certificate as it is now. Files that cannot be read leave it as it was.
func (c *certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cert == "" {
		return c.current
	}
	now := c.now()
	if now.Sub(c.looked) < certLook {
		return c.current
	}
	c.looked = now
	if !c.stale() {
		return c.current
	}
	if err := c.read(); err != nil {
		c.log.Error("the certificate cannot be read anew, and stays as it was", "err", err)
	} else {
		c.log.Info("the certificate was read anew", "until", c.current.Leaf.NotAfter)
	}
	return c.current
}

// stale reports whether the files are others than were read.
func (c *certificate) stale() bool {
	at, err := c.times()
	return err == nil && at != c.changed
}

func (c *certificate) times() (at [2]time.Time, err error) {
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return at, err
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

func (c *certificate) read() error {
	at, err := c.times()
	if err != nil {
		return err
	}
	c.changed = at // also of what cannot be read: it is told once
	loaded, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.current = &loaded
	return nil
}

// ownCertificate reads the certificate that the node made for the host name, or makes it. One that
// is made in place of another has the key of that: records of it in the DNS (TLSA) stay true.
func ownCertificate(path, hostname string, now time.Time) (*tls.Certificate, error) {
	var key *ecdsa.PrivateKey
	text, err := os.ReadFile(path)
	if err == nil {
		made, err := tls.X509KeyPair(text, text)
		if err == nil {
			key, _ = made.PrivateKey.(*ecdsa.PrivateKey)
		}
		if err == nil && slices.Equal(made.Leaf.DNSNames, []string{hostname}) && now.AddDate(0, 1, 0).Before(made.Leaf.NotAfter) {
			return &made, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("making a key: %w", err)
		}
	}
	if text, err = certify(hostname, key, now); err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	if err := replaceFile(path, text); err != nil {
		return nil, fmt.Errorf("writing the certificate: %w", err)
	}
	made, err := tls.X509KeyPair(text, text)
	return &made, err
}

// changeOwn makes a certificate of the node's own with another key, and shows it once it is on the
// disk.
func (c *certificate) changeOwn(dir string, key *ecdsa.PrivateKey, now time.Time) error {
	text, err := certify(c.host, key, now)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	if err := replaceFile(filepath.Join(dir, home.CertificateFile), text); err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	made, err := tls.X509KeyPair(text, text)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = &made
	return nil
}

// certify makes a certificate that its own key has signed, with the key, in PEM.
func certify(hostname string, key *ecdsa.PrivateKey, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hostname}, DNSNames: []string{hostname},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(ownCertYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	), nil
}
