package node

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// quiet gives the node in dir a configuration that clashes with no other one.
func quiet(t *testing.T, dir string, change func(*Config)) {
	t.Helper()
	c, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Mine, c.Submission.Listen, c.Inbound.Listen = "off", "127.0.0.1:0", ""
	c.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	if change != nil {
		change(c)
	}
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), c.Format(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open opens the node in dir and closes it with the test.
func open(t *testing.T, dir string) *Node {
	t.Helper()
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// The configuration says that after joining the enrolment counts.
func TestDomainsAreThoseOfTheEnrolment(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, func(c *Config) { c.Organisation.Name, c.Organisation.Domains = "Other", []string{"other.test"} })
	n := open(t, dir)
	a, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "alice"})
	if err != nil || !slices.Equal(a.Addresses, []string{"alice@alpha.test"}) {
		t.Errorf("an account gets %v, %v", a, err)
	}
	for domain, local := range map[string]bool{"alpha.test": true, "other.test": false} {
		if r, _ := (router{n}).Route(t.Context(), domain); r.Local != local {
			t.Errorf("%s is local: %v", domain, r.Local)
		}
	}
	if d := n.gatewayConfig().Domains(); !slices.Equal(d, []string{"alpha.test"}) {
		t.Errorf("the gateway takes mail for %v", d)
	}
	s, err := n.Status(t.Context())
	if err != nil || s.Org.Name != "Alpha" || !slices.Equal(s.Org.Domains, []string{"alpha.test"}) {
		t.Errorf("status says %+v, %v", s.Org, err)
	}
	err = n.store.View(func(rd *mailstore.Reader) error {
		_, err := rd.AccountByAddress("postmaster@alpha.test")
		return err
	})
	if err != nil {
		t.Errorf("postmaster: %v", err)
	}
}

// A domain that consensus does not take must not be enrolled: no block would
// ever hold the enrolment, and it cannot be made again.
func TestDomainsThatNoBlockTakes(t *testing.T) {
	for _, domain := range []string{"corp.10", "a.123", "1.2.3.4"} {
		if consensus.ValidDomain(domain) {
			t.Errorf("%s is valid", domain)
		}
		if _, err := membership.CanonicalDomain(domain); err == nil {
			t.Errorf("%s is a mail domain", domain)
		}
		err := DefaultConfig("Corp", []string{domain}).Validate()
		if ce, ok := errors.AsType[*ConfigError](err); !ok || ce.Key != "organisation.domains" {
			t.Errorf("%s in a configuration: %v", domain, err)
		}
	}
}

// Mail that is signed with other keys than the enrolled ones is never
// recorded, and waits for ever.
func TestForeignKeysAreFoundAtTheStart(t *testing.T) {
	t.Parallel()
	other, _ := founder(t, "Other", "other.test")
	for name, damage := range map[string]func(dir string) error{
		"organisation and recorder swapped": func(dir string) error {
			k := filepath.Join(dir, keysDir)
			return errors.Join(os.Rename(k+"/org.pem", k+"/x"), os.Rename(k+"/recorder.pem", k+"/org.pem"), os.Rename(k+"/x", k+"/recorder.pem"))
		},
		"foreign recorder": func(dir string) error { return copyFile(other, dir, "keys/recorder.pem") },
		"foreign node":     func(dir string) error { return copyFile(other, dir, "keys/node.pem") },
		"foreign network":  func(dir string) error { return copyFile(other, dir, networkFile) },
		"foreign enrol":    func(dir string) error { return copyFile(other, dir, enrolFile) },
		"forged enrol": func(dir string) error {
			e, err := LoadEnrol(dir)
			if err != nil {
				return err
			}
			e.Enrol().Name = "Forged"
			return os.WriteFile(filepath.Join(dir, enrolFile), e.Encode(), 0o600)
		},
	} {
		dir, _ := founder(t, "Alpha", "alpha.test")
		quiet(t, dir, nil)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		n, err := Open(t.Context(), dir, nil)
		if err == nil {
			n.Close()
			t.Errorf("%s: the node opens", name)
			continue
		}
		if e := api.AsError(err); e.Code != api.CodeInvalid || !strings.Contains(e.Hint, "backup") {
			t.Errorf("%s: %v (%s)", name, err, e.Hint)
		}
	}
}

// TestForeignFilesAreSeenBeforeAStart: cairn check tells of keys and pins that are another node's
// or not to be read, with the chain and without, and of nothing where they are the node's own; and
// they are put into no backup.
func TestForeignFilesAreSeenBeforeAStart(t *testing.T) {
	t.Parallel()
	other, _ := founder(t, "Other", "other.test")
	dir, _ := founder(t, "Alpha", "alpha.test")
	hasRun(t, dir)
	wrong := func() (said []string) {
		t.Helper()
		parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			for _, f := range p.Faults {
				said = append(said, p.Part+": "+f.Text)
			}
		}
		return said
	}
	for _, chain := range []bool{true, false} {
		if said := wrong(); len(said) != 0 {
			t.Errorf("its own files: %q", said)
		}
		if err := Backup(dir, api.BackupRequest{}, io.Discard); err != nil {
			t.Errorf("its own files: %v", err)
		}
		for name, want := range map[string]string{
			"keys/node.pem":     "keys: node.pem does not belong to the organisation",
			"keys/recorder.pem": "keys: recorder.pem does not belong to the organisation",
			pinsFile:            "pins: pins is damaged",
		} {
			own, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err = copyFile(other, dir, name); name == pinsFile {
				err = os.WriteFile(filepath.Join(dir, name), []byte("garbage"), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			short := func(s string) string { return strings.ReplaceAll(s, dir+"/", "") }
			if said := wrong(); len(said) != 1 || !strings.HasPrefix(strings.ReplaceAll(short(said[0]), ": keys/", ": "), want) {
				t.Errorf("%s, chain %v: %q", name, chain, said)
			}
			if e := api.AsError(Backup(dir, api.BackupRequest{}, io.Discard)); e == nil || e.Hint == "" || !strings.Contains(e.Message, filepath.Base(name)) {
				t.Errorf("%s, chain %v: in a backup: %+v", name, chain, e)
			}
			if err := os.WriteFile(filepath.Join(dir, name), own, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(filepath.Join(dir, home.ChainDir)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignFilesOfARunningNode: files of another node that came into the directory while the node
// runs are put into no backup.
func TestForeignFilesOfARunningNode(t *testing.T) {
	t.Parallel()
	other, _ := founder(t, "Other", "other.test")
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	if err := n.Backup(t.Context(), api.BackupRequest{}, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keys/node.pem", "keys/recorder.pem", pinsFile, enrolFile, networkFile} {
		own, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = copyFile(other, dir, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		e := api.AsError(n.Backup(t.Context(), api.BackupRequest{}, &b))
		if e == nil || e.Hint == "" || !strings.Contains(e.Message, "does not belong to") || b.Len() > 0 {
			t.Errorf("%s: %+v, and %d octets", name, e, b.Len())
		}
		if err := os.WriteFile(filepath.Join(dir, name), own, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostPins: a member that has taken no pins over yet does not start without them, nor with
// another's; one that has does.
func TestLostPins(t *testing.T) {
	other, _ := founder(t, "Other", "other.test")
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	path := filepath.Join(dir, pinsFile)
	own, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want string) {
		t.Helper()
		n, err := Open(t.Context(), dir, nil)
		if err == nil {
			n.Close()
		}
		if e := api.AsError(err); e == nil || e.Hint == "" || !strings.Contains(e.Message, want) {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	if err := copyFile(other, dir, pinsFile); err != nil {
		t.Fatal(err)
	}
	refused("does not belong to the organisation")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused("is lost")
	if err := os.WriteFile(path, own, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n, err := Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		os.Remove(path)
	}
}

// An org key of which the chain here knows nothing may be a later one than that knows: it signs no
// event until the chain says so, and the node starts.
func TestOrgKeyThatTheChainDoesNotKnowYet(t *testing.T) {
	other, _ := founder(t, "Other", "other.test")
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	if err := copyFile(other, dir, "keys/org.pem"); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	n, err := Open(t.Context(), dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if !strings.Contains(log.String(), "is not one that the chain knows here") {
		t.Errorf("the log does not say it: %s", log.String())
	}
}

func copyFile(from, to, name string) error {
	b, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, name), b, 0o600)
}

// A port that is taken is told with the key that names it.
func TestTakenPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, tt := range []struct {
		key, hint string
		set       func(*Config)
	}{
		{"submission.listen", "another port", func(c *Config) { c.Submission.Listen = "127.0.0.1:" + port }},
		{"inbound.listen", "another port", func(c *Config) { c.Inbound.Listen = "127.0.0.1:" + port }},
		{"inbound.listen", "address of this machine", func(c *Config) { c.Inbound.Listen = "192.0.2.1:0" }},
		{"p2p.listen", "another port", func(c *Config) { c.P2P.Listen = []string{"/ip4/127.0.0.1/tcp/" + port} }},
		{"p2p.listen", "address of this machine", func(c *Config) { c.P2P.Listen = []string{"/ip4/192.0.2.1/tcp/0"} }},
	} {
		dir, _ := founder(t, "Alpha", "alpha.test")
		quiet(t, dir, tt.set)
		n, err := Open(t.Context(), dir, nil)
		if err == nil {
			n.Close()
		}
		ce, ok := errors.AsType[*ConfigError](err)
		if !ok || ce.Key != tt.key || !strings.Contains(ce.Next, tt.hint) || ce.File != filepath.Join(dir, ConfigFile) {
			t.Errorf("%s: %#v", tt.key, err)
		}
	}
}

// TestForeignConfig: a node does not start with the configuration of another organisation, and does
// with one that takes over a domain of another's, or all of them under its own name.
func TestForeignConfig(t *testing.T) {
	n, founder := invited(t)
	own := *n.cfg
	for _, tt := range []struct {
		name    string
		org     string
		domains []string
		refused bool
	}{
		{"its own", own.Organisation.Name, own.Organisation.Domains, false},
		{"of the founder", founder.Name, founder.Domains, true},
		{"one of the founder's domains too", founder.Name, slices.Concat(own.Organisation.Domains, founder.Domains), false},
		{"its own name", own.Organisation.Name, founder.Domains, false},
		{"a new domain too", founder.Name, append(slices.Clone(founder.Domains), "new.test"), false},
	} {
		cfg := own
		cfg.Organisation.Name, cfg.Organisation.Domains = tt.org, tt.domains
		n.cfg = &cfg
		if err := n.checkConfig(); (err != nil) != tt.refused || err != nil && !strings.Contains(err.Error(), ConfigFile+` is the configuration of "alpha" (alpha.test)`) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestCheckSeesForeignConfig: cairn check tells of it too.
func TestCheckSeesForeignConfig(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err == nil {
		err = n.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := checking{CheckOptions: CheckOptions{Now: time.Now(), Log: slog.New(slog.DiscardHandler), Progress: func(string, uint64, uint64) {}}, dir: dir, cfg: cfg}
	if c.member(); len(c.parts) != 0 {
		t.Fatalf("%+v", c.parts)
	}
	enrolled := c.own.enrol
	other := *enrolled // as the enrolment of another organisation's node
	own := *enrolled.Enrol()
	own.Name, own.Domains = "other", []string{"other.test"}
	other.Content = &own
	c.own.enrol = &other
	if err := c.chain(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if last := c.parts[len(c.parts)-1]; last.Part != ConfigFile || last.State != CheckDamaged || !strings.Contains(last.Faults[0].Text, `is the configuration of "alpha" (alpha.test)`) {
		t.Errorf("%+v", c.parts)
	}
}
