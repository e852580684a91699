package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/acme"
)

// ALPN is the protocol of tls-alpn-01 (RFC 8737, section 3): it is spoken by no one but an
// authority that validates a name.
const ALPN = acme.ALPNProto

// The challenges that are met, as RFC 8555 and RFC 8737 name them.
const (
	HTTP01    = "http-01"
	TLSALPN01 = "tls-alpn-01"
	DNS01     = "dns-01"
)

const wellKnown = "/.well-known/acme-challenge/"

// challenges are those that wait for the authority to look.
type challenges struct {
	webroot string // a web server serves it; "": none does
	publish func(ctx context.Context, name, value string) (withdraw func() error, err error)
	left    func(name string, err error) // is told of a text that could not be taken back

	mu     sync.Mutex
	tokens map[string]string           // their texts
	names  map[string]*tls.Certificate // what tls-alpn-01 shows
}

// recordAt is in front of a name where dns-01 has its text (RFC 8555, section 8.4).
const recordAt = "_acme-challenge."

// meet prepares for the authority's look, and returns what takes that back.
func (c *challenges) meet(ctx context.Context, client *acme.Client, ch *acme.Challenge, name string) (func(), error) {
	if !isToken(ch.Token) {
		return nil, errors.New("the authority's token is none (RFC 8555, section 8.3)")
	}
	switch ch.Type {
	case DNS01:
		return c.inDNS(ctx, client, ch.Token, name)
	case TLSALPN01:
		cert, err := client.TLSALPN01ChallengeCert(ch.Token, name)
		if err != nil {
			return nil, err
		}
		c.change(func() { c.names[name] = &cert })
		return func() { c.change(func() { delete(c.names, name) }) }, nil
	}
	text, err := client.HTTP01ChallengeResponse(ch.Token)
	if err != nil {
		return nil, err
	}
	remove, err := c.inWebroot(ch.Token, text)
	if err != nil {
		return nil, err
	}
	c.change(func() { c.tokens[ch.Token] = text })
	return func() {
		c.change(func() { delete(c.tokens, ch.Token) })
		remove()
	}, nil
}

// inDNS has the DNS show the text of a token, and returns what takes it back.
func (c *challenges) inDNS(ctx context.Context, client *acme.Client, token, name string) (func(), error) {
	text, err := client.DNS01ChallengeRecord(token)
	if err != nil {
		return nil, err
	}
	withdraw, err := c.publish(ctx, recordAt+name, text)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := withdraw(); err != nil {
			c.left(name, err)
		}
	}, nil
}

// change changes what is shown by do.
func (c *challenges) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

// inWebroot puts a text where a web server finds it, and returns what removes it. What has its name
// already is not touched.
func (c *challenges) inWebroot(token, text string) (remove func(), err error) {
	if c.webroot == "" {
		return func() {}, nil
	}
	folder := c.webroot
	for _, name := range append([]string{"."}, strings.Split(strings.Trim(wellKnown, "/"), "/")...) {
		folder = filepath.Join(folder, name)
		if err := makeOpen(folder); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(folder, token)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already", path)
	} else if err != nil {
		return nil, err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		os.Remove(path)
		return nil, err
	}
	return func() { os.Remove(path) }, nil
}

// makeOpen makes a folder that a web server of another user may read, whatever the umask, if there
// is none.
func makeOpen(folder string) error {
	err := os.Mkdir(folder, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return os.Chmod(folder, 0o755)
}

// ServeHTTP answers an authority that looks by http-01, and anybody else with 404.
func (c *challenges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.URL.Path, wellKnown)
	c.mu.Lock()
	text, there := c.tokens[token]
	c.mu.Unlock()
	if !ok || !there || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write([]byte(text))
}

// asks reports whether a client asks for a challenge alone, and nothing else may be shown to it.
func asks(hello *tls.ClientHelloInfo) bool {
	return slices.Equal(hello.SupportedProtos, []string{ALPN})
}

// shown is what tls-alpn-01 shows for a name.
func (c *challenges) shown(name string) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cert := c.names[strings.ToLower(name)]; cert != nil {
		return cert, nil
	}
	return nil, errors.New("no authority was asked about that name")
}

// isToken reports whether s is of base64url alone (RFC 8555, section 8.1): it becomes the name of a
// file.
func isToken(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
}
