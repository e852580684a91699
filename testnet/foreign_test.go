package testnet_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"cairn/consensus/record"
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
}
