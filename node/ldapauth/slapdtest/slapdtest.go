// Package slapdtest runs an LDAP server that is not ours, OpenLDAP's slapd as Debian has it, for
// tests.
package slapdtest

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/tlstest"
)

// What is in every directory: people below ou=people, each with uid, mail and a password, and who
// may search.
const (
	Base           = "dc=example,dc=org"
	Searcher       = "cn=search," + Base
	SearchPassword = "of the searcher"
)

// Person is an entry "uid=UID,ou=people,BASE".
type Person struct{ UID, Mail, Password string }

// Slapd is a server that runs.
type Slapd struct {
	LDAP, LDAPS string // URLs
	Roots       *x509.CertPool
	RootsFile   string // the same in PEM

	program, dir string
	stop         func()
	t            testing.TB
}

// New starts a server with these people, which ends with the test. Without slapd the test is
// skipped, but fails under CI=true.
func New(t testing.TB, people ...Person) *Slapd {
	t.Helper()
	s := &Slapd{t: t, program: testenv.Program(t, "slapd", "slapd"), dir: t.TempDir()}
	cert, roots := tlstest.Certificate(t, "localhost")
	s.Roots = roots
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain bytes.Buffer
	for _, der := range cert.Certificate {
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	s.write("cert.pem", chain.String())
	s.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	s.RootsFile = s.write("roots.pem", tlstest.Chain(t, cert))
	if err := os.Mkdir(filepath.Join(s.dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("slapd.conf", fmt.Sprintf(configuration, s.dir, s.dir, s.dir, s.dir, Base, Searcher, s.dir))
	entries := fmt.Sprintf("dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"+
		"dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n"+
		"dn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: search\nuserPassword: %s\n\n", Base, Base, Searcher, SearchPassword)
	for _, p := range people {
		entries += fmt.Sprintf("dn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s\nuserPassword: %s\n\n",
			p.UID, Base, p.UID, p.UID, p.UID, p.Mail, p.Password)
	}
	add := exec.Command(s.program, "-T", "add", "-f", filepath.Join(s.dir, "slapd.conf"), "-l", s.write("people.ldif", entries))
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	at := testenv.FreeAddrs(t, 2)
	s.LDAP, s.LDAPS = "ldap://"+named(at[0]), "ldaps://"+named(at[1])
	s.Start()
	return s
}

// configuration has everybody's password used for binding alone, and lets only Searcher search.
const configuration = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile %s/pid
TLSCertificateFile %s/cert.pem
TLSCertificateKeyFile %s/key.pem
TLSCACertificateFile %s/roots.pem
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "%s"
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="%s" read by * none
directory %s/db
maxsize 10485760
`

func (s *Slapd) write(name, text string) (path string) {
	s.t.Helper()
	path = filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// named is an address on loopback by the name that the certificate has.
func named(addr string) string { return strings.Replace(addr, "127.0.0.1", "localhost", 1) }

// Start starts the server again after Stop.
func (s *Slapd) Start() {
	s.t.Helper()
	cmd := exec.Command(s.program, "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.LDAP+" "+s.LDAPS, "-d", "0")
	s.stop = testenv.Serve(s.t, cmd, testenv.Connects("tcp", s.LDAPS[len("ldaps://"):]))
}

// Stop ends the server.
func (s *Slapd) Stop() { s.stop() }
