package relays

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cairn/mailstore/testenv"
)

// dovecotAuth is the configuration of a Dovecot that checks passwords for a Postfix and does
// nothing else.
const dovecotAuth = `protocols = none
base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
ssl = no
auth_mechanisms = %[2]s
passdb {
  driver = passwd-file
  args = %[1]s/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service auth {
  unix_listener %[3]s {
    mode = 0666
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0600
  }
}
`

// DovecotAuth has a Dovecot check names and passwords, by the mechanisms alone, as "plain login".
// It returns the settings of a Postfix that takes mail only from who has signed in so, over TLS,
// with a certificate in this file. It ends with the test.
func DovecotAuth(t testing.TB, mechanisms, user, password, certificate string) map[string]string {
	t.Helper()
	path := testenv.Program(t, "dovecot", "dovecot-imapd")
	dir, err := os.MkdirTemp("", "d") // a short path, for its sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "auth")
	for name, text := range map[string]string{
		"conf": fmt.Sprintf(dovecotAuth, dir, mechanisms, socket), "users": user + ":{PLAIN}" + password + "\n", "log": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-F", "-c", filepath.Join(dir, "conf"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("Dovecot:\n%s", log)
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := answers(ctx, socket); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("start Dovecot: %v\n%s", err, log)
	}
	return map[string]string{
		"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": socket, "mynetworks": "192.0.2.1/32",
		"smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
		"smtpd_tls_security_level": "may", "smtpd_tls_auth_only": "yes", "smtpd_tls_chain_files": certificate,
	}
}

// answers waits until somebody takes connections at a socket.
func answers(ctx context.Context, socket string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
