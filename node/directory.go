package node

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cairn/node/doctor"
	"cairn/node/ldapauth"
)

// LDAPConfig is the directory that is asked about the passwords of who has chosen none here.
type LDAPConfig struct {
	// URL is ldaps://HOST, or ldap://HOST for StartTLS, with a port if need be; "": there is none.
	// CAFile is the absolute path of certificates in PEM that vouch for it; "": whom the machine
	// trusts.
	URL    string `koanf:"url"`
	CAFile string `koanf:"ca_file"`

	// BindDN is the name of somebody's entry (RFC 4514), with {user} and {address} in it; or "":
	// the entry is the one below Base that Filter fits (RFC 4515, with the same in it), as SearchDN
	// finds it, whose password is in SearchPasswordFile. Both "": nobody has to sign in to search.
	BindDN             string `koanf:"bind_dn"`
	Base               string `koanf:"base"`
	Filter             string `koanf:"filter"`
	SearchDN           string `koanf:"search_dn"`
	SearchPasswordFile string `koanf:"search_password_file"`
}

// ldapKeys are the keys of the configuration behind fields of a directory.
var ldapKeys = map[string]string{
	"URL": "ldap.url", "BindDN": "ldap.bind_dn", "Base": "ldap.base", "Filter": "ldap.filter", "SearchDN": "ldap.search_dn",
}

// check tells the first value that cannot be used. Files are not read yet.
func (c *LDAPConfig) check() error {
	if c.URL == "" {
		if *c != (LDAPConfig{}) {
			return badValue("ldap.url", `name the directory, as in "ldaps://ldap.example.org"`, "there is no directory that the other keys below [ldap] could be about")
		}
		return nil
	}
	for key, path := range map[string]string{"ldap.ca_file": c.CAFile, "ldap.search_password_file": c.SearchPasswordFile} {
		if path != "" && !filepath.IsAbs(path) {
			return badValue(key, `write the absolute path of a file, as in "/etc/cairn/ldap"`, "%q is not an absolute path", path)
		}
	}
	secret := ""
	if c.SearchPasswordFile != "" {
		secret = "there is one"
	}
	_, err := ldapauth.New(c.of(secret, nil), time.Now)
	if bad, ok := errors.AsType[*ldapauth.FieldError](err); ok {
		return badValue(ldapKeys[bad.Field], `write url = "ldaps://ldap.example.org" and bind_dn = "uid={user},ou=people,dc=example,dc=org" below [ldap], or base and filter`, "%s", bad.Cause)
	}
	return err
}

func (c *LDAPConfig) of(password string, roots *x509.CertPool) ldapauth.Config {
	return ldapauth.Config{URL: c.URL, Roots: roots, BindDN: c.BindDN, Base: c.Base, Filter: c.Filter, SearchDN: c.SearchDN, SearchPassword: password}
}

// open reads the files and gives the directory; nil if there is none.
func (c *LDAPConfig) open(now func() time.Time) (*ldapauth.Directory, error) {
	if c.URL == "" {
		return nil, nil
	}
	var roots *x509.CertPool
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if roots = x509.NewCertPool(); err == nil && !roots.AppendCertsFromPEM(text) {
			err = fmt.Errorf("%s has no certificate in PEM", c.CAFile)
		}
		if err != nil {
			return nil, &ConfigError{Key: "ldap.ca_file", Cause: err.Error(), Next: `write the certificates that vouch for the directory into that file, or "" for those of this machine`}
		}
	}
	password := ""
	if c.SearchPasswordFile != "" {
		var err error
		if password, err = readPassword("ldap.search_password_file", c.SearchPasswordFile); err != nil {
			return nil, err
		}
	}
	return ldapauth.New(c.of(password, roots), now)
}

// probeDirectory finds out whether the directory can be asked.
func (e *examination) probeDirectory(ctx context.Context) {
	found := &doctor.Directory{URL: e.cfg.LDAP.URL}
	d, err := e.cfg.LDAP.open(func() time.Time { return e.now })
	if err == nil {
		err = d.Probe(ctx)
	}
	if err != nil {
		found.Fault = err.Error()
	}
	e.facts.Directory = found
}
