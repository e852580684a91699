// Package ldapauth asks a directory whether somebody's password is right: by a simple bind (RFC
// 4513, section 5.1) over TLS, as an entry whose name follows from a template, or that is searched
// for first. It remembers no password and no answer.
//
// A directory is somebody else's machine: how long it may take, how much of what it says is read
// and how many questions it is asked at one time is bounded. What is no clear yes or no is an
// error, and never a wrong password.
package ldapauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Bounds on what a directory may cost.
const (
	// Patience is how long one question may take, with all that is said before it.
	Patience = 10 * time.Second
	atOnce   = 4
	maxRead  = 256 << 10 // octets that are read in one connection
	maxDepth = 32        // of values in values; an answer has five
	// pause is how long a directory that could not be reached is not tried again: whoever signs in
	// meanwhile is told at once that it is not there.
	pause = 5 * time.Second
)

// Placeholders of templates.
const (
	User    = "{user}"    // the name of the account
	Address = "{address}" // its first mail address
)

// Config says which directory, and how somebody's entry is found there.
type Config struct {
	URL   string         // ldaps://HOST, or ldap://HOST, which is told to begin TLS; a port may follow
	Roots *x509.CertPool // that certify it; nil: those of this machine

	// BindDN is the template of the entry's name (RFC 4514), with placeholders. Empty: it is
	// searched for.
	BindDN string

	// Base is where in the tree is searched, below and at it, for the one entry that Filter (RFC
	// 4515, with placeholders) fits. SearchDN and SearchPassword are who asks; empty: nobody.
	Base, Filter             string
	SearchDN, SearchPassword string
}

// ErrConfig: such a directory cannot be asked. Wrapped, with the Field of Config in front.
var ErrConfig = errors.New("ldapauth: not usable")

// FieldError says which field of a Config is wrong.
type FieldError struct {
	Field string // as it is spelled there
	Cause string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Cause }

// Unwrap makes it an ErrConfig.
func (e *FieldError) Unwrap() error { return ErrConfig }

// Directory may be asked by several goroutines.
type Directory struct {
	cfg   Config
	addr  string
	tls   *tls.Config
	first bool // TLS begins before anything is said
	slots chan struct{}
	now   func() time.Time

	mu   sync.Mutex
	away time.Time // when it could not be reached last; zero: it could
	why  error
}

// What a packet may have, for all of this process: nothing else reads such packets.
func init() { ber.MaxPacketLengthBytes, ber.MaxNestingDepth = maxRead, maxDepth }

// New looks whether the configuration is usable; else a *FieldError. Nobody is asked yet.
func New(c Config, now func() time.Time) (*Directory, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "ldaps" && u.Scheme != "ldap" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, &FieldError{"URL", fmt.Sprintf("%q is not ldaps://HOST or ldap://HOST, with or without a port", c.URL)}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldaps": "636", "ldap": "389"}[u.Scheme]
	}
	if err := c.checkTemplates(); err != nil {
		return nil, err
	}
	return &Directory{
		cfg: c, addr: net.JoinHostPort(u.Hostname(), port), first: u.Scheme == "ldaps", slots: make(chan struct{}, atOnce), now: now,
		tls: &tls.Config{ServerName: u.Hostname(), RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
	}, nil
}

func (c *Config) checkTemplates() error {
	names := func(template string) bool {
		return strings.Contains(template, User) || strings.Contains(template, Address)
	}
	if c.BindDN != "" {
		dn, err := ldap.ParseDN(filled(c.BindDN, ldap.EscapeDN, "x", "x@x"))
		switch {
		case c.Base != "" || c.Filter != "" || c.SearchDN != "":
			return &FieldError{"BindDN", "the name of the entry is known already: leave it out, or what is searched for"}
		case err != nil || len(dn.RDNs) == 0:
			return &FieldError{"BindDN", fmt.Sprintf("%q is no distinguished name (RFC 4514)", c.BindDN)}
		case !names(c.BindDN):
			return &FieldError{"BindDN", "it names the same entry for everybody: put " + User + " or " + Address + " into it"}
		}
		return nil
	}
	if c.Filter == "" {
		return &FieldError{"BindDN", "nothing says which entry is whose: name it, or a filter to search by"}
	}
	if _, err := ldap.CompileFilter(filled(c.Filter, ldap.EscapeFilter, "x", "x@x")); err != nil {
		return &FieldError{"Filter", fmt.Sprintf("%q is no filter (RFC 4515)", c.Filter)}
	}
	if !names(c.Filter) {
		return &FieldError{"Filter", "it finds the same entry for everybody: put " + User + " or " + Address + " into it"}
	}
	for field, dn := range map[string]string{"Base": c.Base, "SearchDN": c.SearchDN} {
		if _, err := ldap.ParseDN(dn); err != nil {
			return &FieldError{field, fmt.Sprintf("%q is no distinguished name (RFC 4514)", dn)}
		}
	}
	if (c.SearchDN == "") != (c.SearchPassword == "") {
		return &FieldError{"SearchDN", "who asks needs a password, and a password somebody whose it is"}
	}
	return nil
}

// filled is a template with the names in their places, escaped so that they are values and nothing
// else.
func filled(template string, escape func(string) string, user, address string) string {
	return strings.NewReplacer(User, escape(user), Address, escape(address)).Replace(template)
}

// Check reports whether a password is that of the person who has that account and address. An
// error: it is not known, as while the directory is away; the cause is for the log.
func (d *Directory) Check(ctx context.Context, user, address, password string) (right bool, err error) {
	if user == "" || password == "" { // without a password everybody gets in: RFC 4513, section 5.1.2
		return false, nil
	}
	err = d.ask(ctx, func(c *ldap.Conn) error {
		dn := filled(d.cfg.BindDN, ldap.EscapeDN, user, address)
		if d.cfg.BindDN == "" {
			var known bool
			if dn, known, err = d.find(c, user, address); err != nil || !known {
				return err
			}
		}
		right, err = bind(c, dn, password)
		return err
	})
	return right && err == nil, err
}

// Probe finds out whether the directory can be asked: it is reached, encrypts with a certificate
// for its name, and knows who searches.
func (d *Directory) Probe(ctx context.Context) error {
	return d.ask(ctx, func(c *ldap.Conn) error {
		if d.cfg.BindDN != "" {
			return nil
		}
		_, _, err := d.find(c, "nobody", "nobody@localhost")
		return err
	})
}

// bind reports whether an entry has that password.
func bind(c *ldap.Conn, dn, password string) (bool, error) {
	err := c.Bind(dn, password)
	switch {
	case err == nil:
		return true, nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultNoSuchObject):
		return false, nil
	}
	return false, fmt.Errorf("the directory does not say whether the password is right: %w", err)
}

// find searches for the entry of somebody. Several, none of which can be told to be his, are an
// error.
func (d *Directory) find(c *ldap.Conn, user, address string) (dn string, known bool, err error) {
	if d.cfg.SearchDN != "" {
		if err := c.Bind(d.cfg.SearchDN, d.cfg.SearchPassword); err != nil {
			return "", false, fmt.Errorf("the directory does not take who searches: %w", err)
		}
	}
	found, err := c.Search(ldap.NewSearchRequest(d.cfg.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, int(Patience/time.Second), false,
		filled(d.cfg.Filter, ldap.EscapeFilter, user, address), []string{"1.1"}, nil)) // no attributes: RFC 4511, section 4.5.1.8
	several := ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)
	switch {
	case several, err == nil && len(found.Entries) > 1:
		return "", false, errors.New("the filter fits several entries of the directory")
	case err != nil:
		return "", false, fmt.Errorf("search the directory: %w", err)
	case len(found.Entries) == 0:
		return "", false, nil
	case found.Entries[0].DN == "": // a bind as that is anonymous
		return "", false, errors.New("the directory found an entry without a name")
	}
	return found.Entries[0].DN, true, nil
}

// ask connects for one question, when it is its turn.
func (d *Directory) ask(ctx context.Context, question func(*ldap.Conn) error) error {
	if err := d.isAway(); err != nil {
		return err
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.isAway(); err != nil { // found out while this one waited
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	c, err := d.connect(ctx)
	d.note(err)
	if err != nil {
		return err
	}
	defer c.Close()
	return question(c)
}

// isAway is why the directory could not be reached a moment ago.
func (d *Directory) isAway() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if since := d.now().Sub(d.away); d.why != nil && since >= 0 && since < pause {
		return d.why
	}
	return nil
}

func (d *Directory) note(err error) {
	if errors.Is(err, context.Canceled) { // nothing is known of it
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away, d.why = d.now(), err
}

// connect begins TLS with the directory; without it, nothing is said. All of the connection ends
// with ctx.
func (d *Directory) connect(ctx context.Context) (*ldap.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, fmt.Errorf("reach the directory: %w", err)
	}
	conn := &bounded{Conn: raw, left: maxRead}
	conn.stop = context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) }) // long ago
	if !d.first {
		c := ldap.NewConn(conn, false)
		c.SetTimeout(Patience)
		c.Start()
		if err := c.StartTLS(d.tls); err != nil {
			c.Close()
			return nil, fmt.Errorf("begin TLS with the directory: %w", err)
		}
		return c, nil
	}
	over := tls.Client(conn, d.tls)
	if err := over.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("begin TLS with the directory: %w", err)
	}
	c := ldap.NewConn(over, true)
	c.SetTimeout(Patience)
	c.Start()
	return c, nil
}

// errTooMuch ends a connection in which a directory has said more than is read.
var errTooMuch = fmt.Errorf("the directory has sent more than %d octets", maxRead)

// bounded is a connection of which so much is read.
type bounded struct {
	net.Conn
	left int // one goroutine reads at a time
	stop func() bool
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Close() error {
	b.stop()
	return b.Conn.Close()
}
