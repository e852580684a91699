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
	"cairn/mailstore/testenv"
	"cairn/node"
	"cairn/node/api"
	"cairn/testnet"
)

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
		testenv.Program(t, c.name, c.name)
	}
	w, ctx := start(t, 2)
	host, port, _ := strings.Cut(w.Members[0].SubmissionAddr(), ":")
	for _, c := range clients {
		out, err := exec.CommandContext(ctx, testenv.Program(t, c.name, c.name), c.args(host, port, w.Address(0), w.Address(1))...).CombinedOutput()
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
		if out, err := exec.CommandContext(ctx, testenv.Program(t, command[0], command[0]), command[1:]...).CombinedOutput(); err != nil {
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
	swaks, msmtp := testenv.Program(t, "swaks", "swaks"), testenv.Program(t, "msmtp", "msmtp")
	python, openssl := testenv.Program(t, "python3", "python3"), testenv.Program(t, "openssl", "openssl")
	w, ctx := start(t, 0)
	org := testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "alice", Configure: func(c *node.Config) { c.Submission.TLSListen, c.Operations.Listen = "127.0.0.1:0", "127.0.0.1:0" }}
	m, err := w.Join(ctx, org)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*settle) // some thirty programs, one after another
	defer cancel()
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

	ports := map[string]string{"starttls": port, "tls": portTLS, "clear": port}
	bySwaks := func(at, mechanism, password, subject string) []string {
		return append([]string{swaks, "--server", host, "--port", ports[at], "--auth", mechanism, "--auth-user", "alice", "--auth-password", password,
			"--from", from, "--to", to, "--header", "Subject: " + subject}, map[string][]string{
			"starttls": {"--tls", "--tls-verify", "--tls-ca-path", cert}, "tls": {"--tls-on-connect", "--tls-verify", "--tls-ca-path", cert},
		}[at]...)
	}
	byMsmtp := func(at, mechanism, password, _ string) []string {
		args := []string{msmtp, "--host=" + host, "--port=" + ports[at], "--auth=" + strings.ToLower(mechanism), "--user=alice", "--passwordeval=echo '" + password + "'", "--from=" + from, "-t"}
		if at == "clear" {
			return append(args, "--tls=off")
		}
		return append(args, "--tls=on", "--tls-fingerprint="+fingerprint(t, cert), map[string]string{"starttls": "--tls-starttls=on", "tls": "--tls-starttls=off"}[at])
	}
	bySmtplib := func(at, _, password, _ string) []string {
		return []string{python, "-c", smtplibSignIn, host, ports[at], at, from, to, "alice", password, cert}
	}
	var arrived []string
	try := func(args []string, subject, refused string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		if args[0] == msmtp {
			cmd.Stdin = strings.NewReader("From: " + from + "\nTo: " + to + "\nSubject: " + subject + "\n\nhello\n")
		}
		out, err := cmd.CombinedOutput()
		if (err != nil) != (refused != "") || !strings.Contains(string(out), refused) {
			t.Errorf("%q: %v, want %q\n%s", args, err, refused, out)
		}
		if refused == "" {
			arrived = append(arrived, subject)
		}
	}
	passwords := map[string]string{"own": own, "app": app.Secret, "wrong": "abcd-efgh-abcd-efgh-abcd-efgh"}
	for _, at := range []string{"starttls", "tls", "clear"} {
		for mechanism, by := range map[string]func(at, mechanism, password, subject string) []string{
			"PLAIN": bySwaks, "LOGIN": bySwaks, "CRAM-MD5": bySwaks, "SCRAM-SHA-256": byMsmtp,
		} {
			for _, of := range []string{"own", "app", "wrong"} {
				refused := ""
				switch {
				case at == "clear" && mechanism == "SCRAM-SHA-256":
					refused = "the server does not support authentication"
				case at == "clear":
					refused = "Host did not advertise authentication"
				case mechanism == "CRAM-MD5":
					refused = "requested type not available"
				case of == "wrong", mechanism == "SCRAM-SHA-256" && of == "own":
					refused = "535 5.7.8 wrong name or password"
				}
				subject := strings.Join([]string{at, mechanism, of}, " ")
				try(by(at, mechanism, passwords[of], subject), subject, refused)
				if at == "clear" || mechanism == "CRAM-MD5" {
					break // before any password
				}
			}
		}
		if at != "clear" {
			try(byMsmtp(at, "on", app.Secret, ""), at+" by what msmtp chooses", "")
		}
		try(bySmtplib(at, "", own, ""), "from smtplib, "+at, map[string]string{"clear": "SMTP AUTH extension not supported by server"}[at])
	}
	for _, subject := range arrived {
		if _, err := m.AwaitMail(ctx, "postmaster", testnet.Subject(subject)); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
	}
	if all, err := m.Mailbox("postmaster"); err != nil || len(all) != len(arrived) {
		t.Errorf("there are %d mails, not %d: %v", len(all), len(arrived), err)
	}
	for _, args := range [][]string{{"-connect", m.SubmissionAddr(), "-starttls", "smtp"}, {"-connect", m.SubmissionTLSAddr()}, {"-connect", m.InboundAddr(), "-starttls", "smtp"}} {
		args = append([]string{"s_client", "-brief", "-CAfile", cert, "-verify_return_error", "-verify_hostname", "mail." + m.Domain}, args...)
		if out, err := exec.CommandContext(ctx, openssl, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), "Verification: OK") {
			t.Errorf("openssl %s: %v\n%s", args, err, out)
		}
	}
}

const smtplibCommands = `
import smtplib, ssl, sys
anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
s = smtplib.SMTP(sys.argv[1], int(sys.argv[2]))
for line in sys.argv[3:]:
    if line == "STARTTLS":
        s.starttls(context=anyone)
    elif line.startswith("."):
        print(*s.data(line[1:]))
    elif line.startswith("EHLO"):
        s.ehlo(line[5:])
        print("REQUIRETLS", s.has_extn("requiretls"), "AUTH", s.esmtp_features.get("auth", "none").strip())
    else:
        code, text = s.docmd(line)
        print(code, text.decode())
s.quit()
`

// TestForeignCommands: what a program that is not ours is answered which says it with TLS and
// without: REQUIRETLS (RFC 8689), also for the null sender, and AUTH.
func TestForeignCommands(t *testing.T) {
	t.Parallel()
	python := testenv.Program(t, "python3", "python3")
	w, ctx := start(t, 1)
	m := w.Members[0]
	to := w.Address(0)
	const ehlo, inClear, null = "EHLO client.test", "REQUIRETLS False AUTH none", "MAIL FROM:<>"
	text := ".From: <x@elsewhere.test>\r\nSubject: with REQUIRETLS\r\n\r\nhello\r\n"
	for _, c := range []struct {
		addr string
		says [][2]string // commands, and how the replies begin; "": there is none
	}{
		{m.InboundAddr(), [][2]string{
			{ehlo, inClear}, {null + " REQUIRETLS", "555 5.5.4 "}, {"AUTH PLAIN", "502 5.5.1 "}, {"STARTTLS", ""},
			{ehlo, "REQUIRETLS True AUTH none"}, {null + " REQUIRETLS=1", "501 5.5.4 "}, {null + " REQUIRETLS REQUIRETLS", "501 5.5.4 "},
			{null + " REQUIRETLS", "250 "}, {"RCPT TO:<" + to + "> REQUIRETLS", "555 5.5.4 "}, {"RCPT TO:<" + to + ">", "250 "}, {text, "250 "},
			{null + " requiretls SIZE=100", "250 "}, {"RCPT TO:<x@elsewhere.test>", "550 5.7.1 "},
		}},
		{m.SubmissionAddr(), [][2]string{
			{ehlo, inClear}, {"AUTH PLAIN AGEAYg==", "538 5.7.11 "}, {"STARTTLS", ""},
			{ehlo, "REQUIRETLS True AUTH PLAIN LOGIN SCRAM-SHA-256"}, {"AUTH CRAM-MD5", "504 5.5.4 "}, {"AUTH PLAIN AGFsaWNlAGI=", "535 5.7.8 "},
			{"MAIL FROM:<" + to + "> REQUIRETLS", "250 "},
		}},
	} {
		host, port, _ := strings.Cut(c.addr, ":")
		args := []string{"-c", smtplibCommands, host, port}
		var want []string
		for _, s := range c.says {
			args = append(args, s[0])
			if s[1] != "" {
				want = append(want, s[1])
			}
		}
		out, err := exec.CommandContext(ctx, python, args...).CombinedOutput()
		got := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(got) != len(want) {
			t.Fatalf("%v\n%s", err, out)
		}
		for i, line := range got {
			if !strings.HasPrefix(line, want[i]) {
				t.Errorf("%q, want %q", line, want[i])
			}
		}
	}
	if _, err := m.AwaitMail(ctx, "alice", testnet.Subject("with REQUIRETLS")); err != nil {
		t.Error(err)
	}
}

// TestForeignExtremes: smtp-source brings what is long, and much of it.
func TestForeignExtremes(t *testing.T) {
	t.Parallel()
	source := testenv.Program(t, "smtp-source", "postfix")
	w, ctx := start(t, 0)
	org := testnet.Org{Name: "Alpha", Domain: "alpha.test", Account: "alice", Configure: func(c *node.Config) { c.Inbound.CatchAll = "alice@alpha.test" }}
	m, err := w.Join(ctx, org)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(name string, length int) string {
		path := filepath.Join(t.TempDir(), name)
		text := "From: <x@elsewhere.test>\nSubject: " + name + "\n\n" + strings.Repeat("x", length) + "\nend\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		subject string
		args    []string
		refused string
	}{
		{"large", []string{"-S", "large", "-l", "8000000", "-m", "4", "-s", "4"}, ""},
		{"recipients", []string{"-S", "recipients", "-r", "100"}, ""},
		{"more than may be", []string{"-S", "more than may be", "-r", "1100"}, "452 4.5.3"},
		{"name", []string{"-S", "name", "-M", strings.Repeat("a.", 120) + "test"}, ""},
		{"longline", []string{"-F", lines("longline", 9000)}, ""},
		{"endlessline", []string{"-F", lines("endlessline", 3000000)}, "554 5.6.0"},
	} {
		cmd := exec.CommandContext(ctx, source, append(c.args, "-f", "x@elsewhere.test", "-t", "bob@alpha.test", m.InboundAddr())...)
		out, err := cmd.CombinedOutput()
		if (err != nil) != (c.refused != "") || !strings.Contains(string(out), c.refused) {
			t.Errorf("%s: %v\n%.1000s", c.subject, err, out)
		}
		if c.refused != "" {
			continue
		}
		if _, err := m.AwaitMail(ctx, "alice", testnet.Subject(c.subject)); err != nil {
			t.Errorf("%s: %v", c.subject, err)
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
