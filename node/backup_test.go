package node

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/node/acme"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/keyroll"
	"cairn/smtpgw/dkim/keyring"
)

// A backup says whose it is, running or not.
func TestBackupSaysWhoseItIs(t *testing.T) {
	dir, g := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	enrol, err := LoadEnrol(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := home.Manifest{
		Software: Software, Organisation: "Alpha", OrgID: enrol.ID().String(), Network: "test",
		ChainID: g.Params.ChainID().String(), Node: id.NodeKey().String(),
	}
	running := func(w io.Writer) error {
		n, err := Open(t.Context(), dir, nil)
		if err != nil {
			return err
		}
		return errors.Join(n.Backup(t.Context(), api.BackupRequest{}, w), n.Close())
	}
	stopped := func(w io.Writer) error { return Backup(dir, api.BackupRequest{}, w) }
	for name, write := range map[string]func(io.Writer) error{"running": running, "stopped": stopped} {
		var b bytes.Buffer
		began := time.Now().Truncate(time.Millisecond)
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		found, _, err := home.Check(&b, BackupFacts)
		if err != nil {
			t.Fatal(err)
		}
		m := found.Manifest
		if m.Made.Before(began) || m.Made.After(time.Now()) || m.HasOrgKey() {
			t.Errorf("%s: made %v, with %v", name, m.Made, m.Parts)
		}
		m.Made, m.Parts, m.Journal = time.Time{}, nil, 0
		if !reflect.DeepEqual(m, want) {
			t.Errorf("%s: %+v, want %+v", name, m, want)
		}
	}
}

// What a manifest says is held to the files beside it.
func TestBackupFacts(t *testing.T) {
	dir, g := founder(t, "Alpha", "alpha.test")
	files := map[string][]byte{}
	for _, name := range []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", networkFile, enrolFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
	}
	ring, err := keyring.Ring{}.With([]string{"example.org"}, genesisDay, drawDKIM)
	if err != nil {
		t.Fatal(err)
	}
	files[home.DKIMKeys] = must(ring.Encode())
	files[home.ACMEFile] = must(new(acme.Kept).Encode())
	files[home.TLSKeys] = must(new(keyroll.Ring).Encode())
	m, err := BackupFacts(files)
	if err != nil || m.Organisation != "Alpha" || m.ChainID != g.Params.ChainID().String() {
		t.Errorf("%+v, %v", m, err)
	}
	for name := range files {
		if name == ConfigFile { // the enrolment says whose node it is
			continue
		}
		changed := maps.Clone(files)
		changed[name] = []byte("text")
		if _, err := BackupFacts(changed); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s is text: %v", name, err)
		}
	}
	delete(files, networkFile)
	delete(files, enrolFile)
	if m, err := BackupFacts(files); err != nil || m.Organisation != "Alpha" || m.ChainID != "" {
		t.Errorf("of no network: %+v, %v", m, err)
	}
}

// The configuration of another organisation is put into no backup.
func TestBackupOfForeignConfig(t *testing.T) {
	n, founder := invited(t)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Backup(n.dir, api.BackupRequest{}, io.Discard); err != nil {
		t.Fatal(err)
	}
	quiet(t, n.dir, func(c *Config) { c.Organisation.Name, c.Organisation.Domains = founder.Name, founder.Domains })
	var b bytes.Buffer
	e := api.AsError(Backup(n.dir, api.BackupRequest{}, &b))
	if e == nil || e.Code != api.CodeInvalid || !strings.Contains(e.Message, `is the configuration of "alpha" (alpha.test)`) || e.Hint == "" || b.Len() > 0 {
		t.Errorf("%+v, and %d octets were written", e, b.Len())
	}
}

// A node that starts or stops holds its store, but cannot be asked.
func TestBackupOfAStoreInUse(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "Alpha", "alpha.test")
	store, err := mailstore.Open(filepath.Join(dir, home.MailDir), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if e := api.AsError(Backup(dir, api.BackupRequest{}, io.Discard)); e == nil || e.Code != api.CodeTryLater || e.Hint == "" {
		t.Errorf("%v", e)
	}
}

// What cannot be opened is told as by a start, and not as damage.
func TestBackupOfAStoreThatCannotBeOpened(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	hasRun(t, dir)
	path := filepath.Join(dir, home.MailDir, "MANIFEST")
	if err := errors.Join(os.Remove(path), os.Symlink("none", path)); err != nil {
		t.Fatal(err)
	}
	_, started := Open(t.Context(), dir, nil)
	said, made := api.AsError(started), api.AsError(Backup(dir, api.BackupRequest{}, io.Discard))
	if made == nil || *made != *said {
		t.Errorf("%+v, want %+v", made, said)
	}
}

func TestBackupNeedsTheNodesKeys(t *testing.T) {
	for _, name := range []string{home.RecorderKeyFile, home.NodeKeyFile} {
		dir, _ := founder(t, "Alpha", "alpha.test")
		if err := os.Remove(filepath.Join(dir, keysDir, name)); err != nil {
			t.Fatal(err)
		}
		if e := api.AsError(Backup(dir, api.BackupRequest{}, io.Discard)); e == nil || e.Code != api.CodeNotFound {
			t.Errorf("without %s: %v", name, e)
		}
	}
}

// A member runs without the organisation's key; who is none yet needs it to become one.
func TestOrgKeyIsKeptElsewhere(t *testing.T) {
	dir, g := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	joining := newcomer(t, "Bravo", "bravo.test")
	invite := inviteFrom(t, dir, g, "alpha.test")
	for _, d := range []string{dir, joining} {
		if err := os.Remove(filepath.Join(d, home.OrgKey)); err != nil {
			t.Fatal(err)
		}
	}
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	orgs, err := n.Orgs(t.Context(), "")
	if err != nil || len(orgs.Orgs) != 1 || !orgs.Orgs[0].Own || orgs.Orgs[0].Key != n.own().Key.String() {
		t.Errorf("our own organisation is %+v, %v", orgs, err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if e := api.AsError(Join(t.Context(), joining, invite, nil)); e == nil || e.Code != api.CodeNotFound {
		t.Errorf("joined without the organisation's key: %v", e)
	}
}
