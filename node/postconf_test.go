package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cairn/mailstore/testenv"
)

// TestExamineMilter reads a real Postfix's settings.
func TestExamineMilter(t *testing.T) {
	testenv.Program(t, "postconf", "postfix")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.cf": "compatibility_level = 3.6\nfilter = inet:127.0.0.1:8892\nsmtpd_milters = $filter\nnon_smtpd_milters = $filter\n",
		"master.cf": "smtp inet n - n - - smtpd\n127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_milters=\n" +
			"  -o receive_override_options=no_milters,no_header_body_checks\npickup unix n - n 60 1 pickup\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("MAIL_CONFIG", dir)
	c := DefaultConfig("Alpha", []string{"alpha.test"})
	c.Milter.Listen, c.Milter.MailServer, c.Outbound.Via = "inet:127.0.0.1:8892", "127.0.0.1:10025", "127.0.0.1:10025"
	m := examineMilter(t.Context(), c)
	if m.Postfix == nil || !m.Via {
		t.Fatalf("%+v", m)
	}
	for name, want := range map[string]string{
		"smtpd_milters": "inet:127.0.0.1:8892", "milter_default_action": "tempfail", "milter_content_timeout": "300s", "header_checks": "", "message_size_limit": "10240000",
	} {
		if got, there := m.Postfix.Main[name]; !there || got != want {
			t.Errorf("%s is %q, %v", name, got, there)
		}
	}
	var services []string
	for _, s := range m.Postfix.Services {
		services = append(services, fmt.Sprint(s.Name, s.Over))
	}
	if want := []string{"smtpmap[]", "127.0.0.1:10025map[receive_override_options:no_milters,no_header_body_checks smtpd_milters:]"}; !slices.Equal(services, want) {
		t.Errorf("%q", services)
	}
	t.Setenv("MAIL_CONFIG", t.TempDir())
	if m := examineMilter(t.Context(), c); m.Postfix != nil || m.Fault == "" {
		t.Errorf("without a configuration: %+v", m)
	}
}
