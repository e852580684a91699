package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	// orderTime is how long an order may take, from its first request to the certificate, without
	// what is waited for the DNS.
	orderTime = 5 * time.Minute
	// maxAnswer bounds an answer of the authority, in octets.
	maxAnswer = 1 << 20
	// maxAuthorizations bounds what is to be shown for one name.
	maxAuthorizations = 4
)

// client speaks to the authority as the account.
func (k *Keeper) client(account *ecdsa.PrivateKey) *acme.Client {
	return &acme.Client{
		Key: account, DirectoryURL: k.c.Directory, UserAgent: k.c.Agent,
		HTTPClient:   &http.Client{Timeout: 30 * time.Second, Transport: bounded{k.transport}},
		RetryBackoff: func(n int, _ *http.Request, resp *http.Response) time.Duration { return backoff(n, resp, k.c.Now()) },
	}
}

// newTransport is how the authority is reached, over HTTPS alone.
func newTransport(roots *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	t.MaxResponseHeaderBytes, t.IdleConnTimeout = 64<<10, 10*time.Second
	return t
}

// bounded cuts off answers that are too long.
type bounded struct{ http.RoundTripper }

// RoundTrip is that of http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the authority is not reached over HTTPS")
	}
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// order has a name certified for key, by the first of the challenges that the authority offers. Its
// error is for people.
func (k *Keeper) order(ctx context.Context, account *ecdsa.PrivateKey, name string, key crypto.Signer, challenges []string) (*tls.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime+k.c.PublishTime)
	defer cancel()
	client := k.client(account)
	who := &acme.Account{}
	if k.c.Email != "" {
		who.Contact = []string{"mailto:" + k.c.Email}
	}
	if _, err := client.Register(ctx, who, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("the authority takes no account: %w", err)
	}
	o, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		return nil, err
	}
	if len(o.AuthzURLs) > maxAuthorizations {
		return nil, errors.New("the authority wants more to be shown than there is")
	}
	for _, url := range o.AuthzURLs {
		if err := k.authorize(ctx, client, url, name, challenges); err != nil {
			return nil, err
		}
	}
	ready, err := client.WaitOrder(ctx, o.URI)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, key)
	if err != nil {
		return nil, err
	}
	chain, err := finalize(ctx, client, o.URI, ready.FinalizeURL, csr)
	if err != nil {
		return nil, err
	}
	return matching(chain, key, name, k.c.Now())
}

// finalize sends the request for the certificate of the order at url, and fetches that, in DER from
// the leaf up. Authorities need not say where the order is when they answer that they work on it
// (RFC 8555, section 7.4), and without that the library is at an end; we know where.
func finalize(ctx context.Context, client *acme.Client, url, request string, csr []byte) ([][]byte, error) {
	chain, _, err := client.CreateOrderCert(ctx, request, csr, true)
	if err == nil {
		return chain, nil
	}
	now, asked := client.GetOrder(ctx, url)
	if asked != nil || now.Status != acme.StatusProcessing && now.Status != acme.StatusValid {
		return nil, err
	}
	if now, err = client.WaitOrder(ctx, url); err != nil {
		return nil, err
	}
	return client.FetchCert(ctx, now.CertURL, true)
}

// authorize shows the authority that the name is ours.
func (k *Keeper) authorize(ctx context.Context, client *acme.Client, url, name string, challenges []string) error {
	z, err := client.GetAuthorization(ctx, url)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	for _, kind := range challenges {
		i := slices.IndexFunc(z.Challenges, func(ch *acme.Challenge) bool { return ch.Type == kind })
		if i < 0 {
			continue
		}
		over, err := k.challenges.meet(ctx, client, z.Challenges[i], name)
		if err != nil {
			return err
		}
		defer over()
		if _, err := client.Accept(ctx, z.Challenges[i]); err != nil {
			return err
		}
		_, err = client.WaitAuthorization(ctx, z.URI)
		return err
	}
	return errors.New("the authority offers none of the challenges that can be met here")
}

// matching is the chain as what a server shows, if it is of key and name and counts now.
func matching(chain [][]byte, key crypto.Signer, name string, now time.Time) (*tls.Certificate, error) {
	if len(chain) == 0 {
		return nil, errors.New("the authority sent no certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("the authority's certificate is none: %w", err)
	}
	public, ok := key.Public().(*ecdsa.PublicKey)
	switch {
	case !ok || !public.Equal(leaf.PublicKey):
		return nil, errors.New("the authority's certificate is for another key")
	case leaf.VerifyHostname(name) != nil:
		return nil, errors.New("the authority's certificate is for another name")
	case now.After(leaf.NotAfter):
		return nil, errors.New("the authority's certificate is past its time, by this machine's clock")
	}
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}, nil
}

// drawKey makes a key.
func drawKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
