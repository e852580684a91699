// Package slapdtest runs an LDAP server that is not ours, OpenLDAP's slapd as Debian has it, for
// tests.
package slapdtest

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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
	cmd          *exec.Cmd
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
	s.LDAP, s.LDAPS = "ldap://localhost:"+port(t), "ldaps://localhost:"+port(t)
	s.Start()
	t.Cleanup(s.Stop)
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

// port is one that was free a moment ago.
func port(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

// Start starts the server again after Stop.
func (s *Slapd) Start() {
	s.t.Helper()
	var out bytes.Buffer
	s.cmd = exec.Command(s.program, "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.LDAP+" "+s.LDAPS, "-d", "0")
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	by := time.Now().Add(30 * time.Second)
	for {
		conn, err := net.Dial("tcp", s.LDAPS[len("ldaps://"):])
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(by) {
			s.Stop()
			s.t.Fatalf("slapd does not listen: %s", out.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop ends the server, if it runs.
func (s *Slapd) Stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}
