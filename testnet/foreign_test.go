package testnet_test

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/node"
	"cairn/node/api"
	"cairn/testnet"
)

// tool finds a foreign program. Where everything is installed on purpose, a
// missing one is a failure.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

const smtplibScript = `
import smtplib, sys
from email.message import EmailMessage
host, port, sender, rcpt = sys.argv[1:5]
m = EmailMessage()
m["From"], m["To"], m["Subject"] = sender, rcpt, "from smtplib"
m.set_content("Grüße aus Python\n")
m.add_attachment(bytes(range(256)) * 64, maintype="application", subtype="octet-stream", filename="all.bin")
with smtplib.SMTP(host, int(port)) as s:
    s.send_message(m)
`

// TestForeignClients sends through the local gateway with the mail programs
// that people have.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	clients := []struct {
		name, subject string
		args          func(host, port, from, to string) []string
	}{
		{"swaks", "from swaks", func(host, port, from, to string) []string {
			return []string{"--server", host, "--port", port, "--from", from, "--to", to, "--header", "Subject: from swaks", "--body", "hello"}
		}},
		{"python3", "from smtplib", func(host, port, from, to string) []string {
			return []string{"-c", smtplibScript, host, port, from, to}
		}},
	}
	for _, c := range clients {
		tool(t, c.name)
	}
	w, ctx := start(t, 2)
	host, port, _ := strings.Cut(w.Members[0].SubmissionAddr(), ":")
	for _, c := range clients {
		out, err := exec.CommandContext(ctx, tool(t, c.name), c.args(host, port, w.Address(0), w.Address(1))...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		mail, err := w.Members[1].AwaitMail(ctx, "bob", testnet.Both(testnet.Subject(c.subject), testnet.Judged(record.Verified)))
		if err != nil {
			t.Fatal(err)
		}
		if f := mail.Finding.Facts.Comparison; !f.AllSame() || f.Recorded < 6 {
			t.Errorf("%s: %v", c.name, f.Parts)
		}
	}
	encryptedFromOutside(ctx, t, w.Members[1], w.Address(1))
}

const starttlsScript = `
import smtplib, ssl, sys
host, port, sender, rcpt = sys.argv[1:5]
anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
with smtplib.SMTP(host, int(port)) as s:
    s.starttls(context=anyone)
    s.sendmail(sender, [rcpt], "From: %s\r\nTo: %s\r\nSubject: smtplib over TLS\r\n\r\nhello\r\n" % (sender, rcpt))
`

// encryptedFromOutside sends to a member's inbound listener as other servers do, with STARTTLS.
func encryptedFromOutside(ctx context.Context, t *testing.T, m *testnet.Member, to string) {
	t.Helper()
	host, port, _ := strings.Cut(m.InboundAddr(), ":")
	for subject, command := range map[string][]string{
		"swaks over TLS":   {"swaks", "--tls", "--server", host, "--port", port, "--from", "x@elsewhere.test", "--to", to, "--header", "Subject: swaks over TLS", "--body", "hello"},
		"smtplib over TLS": {"python3", "-c", starttlsScript, host, port, "x@elsewhere.test", to},
	} {
		if out, err := exec.CommandContext(ctx, tool(t, command[0]), command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", subject, err, out)
		}
		mail, err := m.AwaitMail(ctx, "bob", testnet.Subject(subject))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(mail.Raw), " with ESMTPS id ") {
			t.Errorf("%s: its Received does not say ESMTPS:\n%s", subject, mail.Raw)
		}
	}
}

const smtplibSignIn = `
import smtplib, ssl, sys
host, port, at, sender, rcpt, user, password, cert = sys.argv[1:9]
context = ssl.create_default_context(cafile=cert)
context.check_hostname = False
s = smtplib.SMTP_SSL(host, int(port), context=context) if at == "tls" else smtplib.SMTP(host, int(port))
with s:
    if at == "starttls":
        s.starttls(context=context)
    s.login(user, password)
    s.sendmail(sender, [rcpt], "From: <%s>\r\nTo: <%s>\r\nSubject: from smtplib, %s\r\n\r\nhello\r\n" % (sender, rcpt, at))
`

// TestForeignSignIn: the programs that people have encrypt, sign in in each way that they know, and
// send; with a wrong password they do not.
func TestForeignSignIn(t *testing.T) {
	t.Parallel()
	swaks, msmtp, python, openssl := tool(t, "swaks"), tool(t, "msmtp"), tool(t, "python3"), tool(t, "openssl")
	w, ctx := start(t, 0)
	org := testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "alice", Configure: func(c *node.Config) { c.Submission.TLSListen, c.Operations.Listen = "127.0.0.1:0", "127.0.0.1:0" }}
	m, err := w.Join(ctx, org)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	const own = "correct horse battery"
	if _, err := m.SetPassword(ctx, api.PasswordRequest{Account: "alice", Password: own}); err != nil {
		t.Fatal(err)
	}
	app, err := m.AddApp(ctx, api.AppRequest{Account: "alice", Name: "program"})
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(m.SubmissionAddr(), ":")
	_, portTLS, _ := strings.Cut(m.SubmissionTLSAddr(), ":")
	from, to := w.Address(0), "postmaster@"+m.Domain
	cert := filepath.Join(m.Dir, "keys", "tls.pem")

	bySwaks := func(at, mechanism, password string) []string {
		args := []string{swaks, "--server", host, "--port", port, "--tls", "--auth", mechanism, "--auth-user", "alice", "--auth-password", password,
			"--from", from, "--to", to, "--header", "Subject: from swaks, " + at + " " + mechanism, "--tls-verify", "--tls-ca-path", cert}
		if at == "tls" {
			args[4], args[5] = portTLS, "--tls-on-connect"
		}
		return args
	}
	byMsmtp := func(at, mechanism, password string) []string {
		args := []string{msmtp, "--host=" + host, "--port=" + port, "--tls=on", "--tls-starttls=on", "--tls-fingerprint=" + fingerprint(t, cert),
			"--auth=" + mechanism, "--user=alice", "--passwordeval=echo " + password, "--from=" + from, "-t"}
		if at == "tls" {
			args[2], args[4] = "--port="+portTLS, "--tls-starttls=off"
		}
		return args
	}
	for _, c := range []struct {
		subject string
		args    []string
		refused bool
	}{
		{"from swaks, starttls PLAIN", bySwaks("starttls", "PLAIN", own), false},
		{"from swaks, starttls LOGIN", bySwaks("starttls", "LOGIN", app.Secret), false},
		{"from swaks, tls LOGIN", bySwaks("tls", "LOGIN", own), false},
		{"", bySwaks("tls", "PLAIN", "wrong horse battery"), true},
		{"from msmtp, starttls", byMsmtp("starttls", "scram-sha-256", app.Secret), false},
		{"from msmtp, tls", byMsmtp("tls", "on", app.Secret), false},
		{"", byMsmtp("starttls", "scram-sha-256", "abcd-efgh-abcd-efgh-abcd-efgh"), true},
		{"from msmtp, its own password", byMsmtp("starttls", "plain", "'"+own+"'"), false},
		{"from smtplib, starttls", []string{python, "-c", smtplibSignIn, host, port, "starttls", from, to, "alice", own, cert}, false},
		{"from smtplib, tls", []string{python, "-c", smtplibSignIn, host, portTLS, "tls", from, to, "alice", app.Secret, cert}, false},
		{"", []string{python, "-c", smtplibSignIn, host, port, "clear", from, to, "alice", own, cert}, true},
	} {
		cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
		if c.args[0] == msmtp {
			cmd.Stdin = strings.NewReader("From: " + from + "\nTo: " + to + "\nSubject: " + c.subject + "\n\nhello\n")
		}
		out, err := cmd.CombinedOutput()
		if (err != nil) != c.refused {
			t.Errorf("%q: %v\n%s", c.args, err, out)
			continue
		}
		if !c.refused {
			if _, err := m.AwaitMail(ctx, "postmaster", testnet.Subject(c.subject)); err != nil {
				t.Fatalf("%s: %v", c.subject, err)
			}
		}
	}
	for _, args := range [][]string{{"-connect", m.SubmissionAddr(), "-starttls", "smtp"}, {"-connect", m.SubmissionTLSAddr()}, {"-connect", m.InboundAddr(), "-starttls", "smtp"}} {
		args = append([]string{"s_client", "-brief", "-CAfile", cert, "-verify_return_error", "-verify_hostname", "mail." + m.Domain}, args...)
		if out, err := exec.CommandContext(ctx, openssl, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), "Verification: OK") {
			t.Errorf("openssl %s: %v\n%s", args, err, out)
		}
	}
}

// TestProbesOfANode: a node tells who keeps it running how it is, and of nobody's address.
func TestProbesOfANode(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 0)
	m, err := w.Join(ctx, testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "alice", Configure: func(c *node.Config) { c.Operations.Listen = "127.0.0.1:0" }})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	from, to := w.Address(0), "postmaster@alpha.test"
	if err := testnet.SendOne(m.SubmissionAddr(), from, to, testnet.Compose(from, to, "counted", "hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := testnet.SendOne(m.SubmissionAddr(), from, "nobody@alpha.test", testnet.Compose(from, to, "refused", "hello\n")); err == nil {
		t.Error("mail to nobody was taken")
	}
	if _, err := m.AwaitMail(ctx, "postmaster", testnet.Subject("counted")); err != nil {
		t.Fatal(err)
	}
	s, err := m.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/livez": {"ok\n"}, "/readyz": {"ok\n"},
		"/metrics": {
			`cairn_messages_taken_total{listener="submission"} 1`, `cairn_replies_refused_total{class="5xx",listener="submission",stage="RCPT"} 1`,
			`cairn_messages_filed_total{verdict="`, "cairn_member 1", "cairn_accounts 2", "cairn_chain_height ",
		},
	} {
		r, err := http.Get("http://" + s.Listen.Operations + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK || strings.Contains(string(b), "alpha.test") {
			t.Errorf("%s: %d, %v\n%s", path, r.StatusCode, err, b)
		}
		for _, line := range want {
			if !strings.Contains(string(b), line) {
				t.Errorf("%s: %q is missing", path, line)
			}
		}
	}
}

// fingerprint is the SHA-256 of the certificate in a file of PEM, its octets parted by colons.
func fingerprint(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			t.Fatalf("%s has no certificate", file)
		}
		if block.Type == "CERTIFICATE" {
			sum := sha256.Sum256(block.Bytes)
			return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
		}
		text = rest
	}
}
