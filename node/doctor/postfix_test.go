package doctor

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// beside is a Postfix that is set up well.
func beside() *Milter {
	const master = `smtp       inet  n       -       n       -       -       smtpd
127.0.0.1:10025 inet n     -       n       -       -       smtpd
pickup     unix  n       -       n       60      1       pickup
`
	main := []string{
		"smtpd_milters = inet:127.0.0.1:8892", "non_smtpd_milters = inet:127.0.0.1:8892", "milter_default_action = tempfail",
		"milter_content_timeout = 300s", "message_size_limit = 10240000", "message_drop_headers = bcc, content-length, resent-bcc, return-path",
		"receive_override_options =", "header_checks = regexp:/etc/postfix/checks",
	}
	const over = "127.0.0.1:10025/inet/smtpd_milters =\n127.0.0.1:10025/inet/receive_override_options = no_milters,no_header_body_checks\n"
	return &Milter{
		Listen: "inet:127.0.0.1:8892", MailServer: "127.0.0.1:10025", Via: true, MaxSize: 25 << 20,
		Postfix: ParsePostfix(strings.Join(main, "\n"), master, over),
	}
}

func TestMilter(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string // of main.cf
		over map[string]string // of the listener where mail comes back
		more func(*Milter)
		want []string
	}{
		{"well", nil, nil, nil, []string{"ok milter "}},
		{"not asked", map[string]string{"smtpd_milters": "inet:127.0.0.1:8891"}, nil, nil, []string{"fail milter-asks smtp"}},
		{"not first", map[string]string{"smtpd_milters": "unix:/spam inet:127.0.0.1:8892"}, nil, nil, []string{"warn milter-first smtp"}},
		{"not asked of local mail", map[string]string{"non_smtpd_milters": ""}, nil, nil, []string{"warn milter-local "}},
		{"away, and mail taken", map[string]string{"milter_default_action": "accept"}, nil, nil, []string{"fail milter-default-action "}},
		{"larger mail", map[string]string{"message_size_limit": "0"}, nil, nil, []string{"warn milter-size "}},
		{"no patience", map[string]string{"milter_content_timeout": "1m"}, nil, nil, []string{"warn milter-timeout "}},
		{"patience", map[string]string{"milter_content_timeout": "1h"}, nil, nil, []string{"ok milter "}},
		{"another listener does not ask", nil, nil, func(m *Milter) {
			m.Postfix.Services = append(m.Postfix.Services, Service{Name: "submission", Over: map[string]string{"smtpd_milters": ""}})
		}, []string{"fail milter-asks submission"}},
		{"nowhere back", nil, nil, func(m *Milter) { m.MailServer = "" }, []string{"fail milter-asks 127.0.0.1:10025", "warn milter-mail-server ", "warn milter-changes header_checks"}},
		{"back elsewhere", nil, nil, func(m *Milter) { m.MailServer, m.Via = "192.0.2.1:25", false }, []string{"fail milter-asks 127.0.0.1:10025", "warn milter-mail-server 192.0.2.1:25"}},
		{"asked again", nil, map[string]string{"smtpd_milters": "inet:127.0.0.1:8892", "receive_override_options": ""}, nil,
			[]string{"warn milter-mail-server 127.0.0.1:10025", "warn milter-changes header_checks"}},
		{"asked again in words", nil, map[string]string{"smtpd_milters": "inet:127.0.0.1:8892"}, nil, []string{"ok milter "}},
		{"rewriting", map[string]string{"smtp_generic_maps": "hash:/g", "canonical_maps": "hash:/c", "message_drop_headers": "bcc, X-Priority"}, nil, nil,
			[]string{"warn milter-changes smtp_generic_maps", "warn milter-changes canonical_maps", "warn milter-changes message_drop_headers"}},
		{"rewriting of no mail that leaves", map[string]string{"smtp_generic_maps": "hash:/g"}, nil, func(m *Milter) { m.Via = false }, []string{"ok milter "}},
		{"rewriting but not there", map[string]string{"canonical_maps": "hash:/c"}, map[string]string{"canonical_maps": ""}, nil, []string{"ok milter "}},
		{"not known", nil, nil, func(m *Milter) { m.Postfix, m.Fault = nil, "no postconf" }, []string{"unknown milter "}},
	} {
		m := beside()
		maps.Copy(m.Postfix.Main, c.set)
		maps.Copy(m.Postfix.Services[1].Over, c.over)
		if c.more != nil {
			c.more(m)
		}
		var got []string
		for _, f := range m.findings() {
			got = append(got, string(f.Level)+" "+f.ID+" "+f.About)
			if f.Level != OK && f.Next == "" || f.Level == Warn && f.Why == "" {
				t.Errorf("%s: %+v says too little", c.name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestMilterInChroot: a path is told to each service as that sees it.
func TestMilterInChroot(t *testing.T) {
	const absolute, relative, rooted = "unix:/var/spool/postfix/cairn/milter", "unix:cairn/milter", "unix:/cairn/milter"
	for _, c := range []struct {
		name, listen, chroot, level, smtpd, local string
		want                                      []string
	}{
		{"out of it", absolute, "n", "3.6", absolute, absolute, []string{"ok milter "}},
		{"out of it, by default", absolute, "-", "3.6", absolute, absolute, []string{"ok milter "}},
		{"relative", absolute, "n", "3.6", relative, relative, []string{"ok milter "}},
		{"as Sendmail has it", absolute, "y", "3.6", "local:cairn/milter", "local:cairn/milter", []string{"ok milter "}},
		{"in it", absolute, "y", "3.6", rooted, relative, []string{"ok milter "}},
		{"in it, by an old default", absolute, "-", "0", rooted, rooted, []string{"ok milter "}},
		{"as it is outside", absolute, "y", "3.6", absolute, absolute, []string{
			"fail milter-asks postconf -e 'smtpd_milters=unix:cairn/milter'", "warn milter-local postconf -e 'non_smtpd_milters=unix:cairn/milter'"}},
		{"as it were inside", absolute, "n", "3.6", rooted, relative, []string{
			"fail milter-asks postconf -e 'smtpd_milters=unix:cairn/milter', and let no listener in master.cf override it"}},
		{"beyond", "unix:/run/cairn/milter", "y", "3.6", "unix:/run/cairn/milter", "unix:/run/cairn/milter", []string{
			`fail milter-asks let milter.listen be "inet:127.0.0.1:8892" or a socket below /var/spool/postfix in the configuration, and have smtpd_milters name that`,
			`warn milter-local let milter.listen be "inet:127.0.0.1:8892" or a socket below /var/spool/postfix in the configuration, and have non_smtpd_milters name that`}},
		{"over TCP", "inet:127.0.0.1:8892", "y", "3.6", "inet:127.0.0.1:8892", "inet:127.0.0.1:8892", []string{"ok milter "}},
	} {
		main := "queue_directory = /var/spool/postfix\ncompatibility_level = " + c.level + "\nsmtpd_milters = " + c.smtpd + "\nnon_smtpd_milters = " + c.local +
			"\nmilter_default_action = tempfail\nmilter_content_timeout = 300s\nmessage_size_limit = 10240000\n"
		master := "smtp inet n - " + c.chroot + " - - smtpd\n127.0.0.1:10025 inet n - " + c.chroot + " - - smtpd\ncleanup unix n - " + c.chroot + " - 0 cleanup\n"
		m := &Milter{Listen: c.listen, MailServer: "127.0.0.1:10025", MaxSize: 25 << 20, Postfix: ParsePostfix(main, master, "127.0.0.1:10025/inet/smtpd_milters =\n")}
		var got []string
		for _, f := range m.findings() {
			got = append(got, string(f.Level)+" "+f.ID+" "+f.Next)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
