package node

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

var genesisDay = time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.UTC)

// founder makes a node that founds a network.
func founder(t testing.TB, name, domain string) (dir string, g *consensus.Genesis) {
	t.Helper()
	dir = filepath.Join(shortDir(t), name)
	o := InitOptions{Dir: dir, Config: DefaultConfig(name, []string{domain}), Network: LocalNetwork("test"), Now: genesisDay}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	g, err := LoadNetwork(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, g
}

// newcomer makes a node that belongs to no network yet.
func newcomer(t *testing.T, name, domain string) string {
	t.Helper()
	dir := filepath.Join(shortDir(t), name)
	if _, err := Init(t.Context(), InitOptions{Dir: dir, Config: DefaultConfig(name, []string{domain}), Now: genesisDay}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func inviteFrom(t *testing.T, dir string, g *consensus.Genesis, domains ...string) *membership.Invite {
	t.Helper()
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &membership.Invite{Genesis: g, Addresses: []string{peer}, OrgKey: id.OrgKey(), Domains: domains}
}

// contents reads all files below dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestInitFoundsAValidNetwork(t *testing.T) {
	dir, g := founder(t, "Alpha", "alpha.example")
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	e := g.Block.Events[0].Enrol()
	if e.Name != "Alpha" || !slices.Equal(e.Domains, []string{"alpha.example"}) || e.OrgKey != id.OrgKey() ||
		e.Nodes[0].Recorder != id.RecorderKey() || e.Nodes[0].Node != id.NodeKey() || e.Records != consensus.RecordsSome {
		t.Errorf("the founder is %+v", e)
	}
	if g.Params.BlockInterval != time.Second || !g.Params.GenesisTime.Equal(genesisDay.Truncate(time.Millisecond)) {
		t.Errorf("parameters %+v", g.Params)
	}
	own, err := LoadEnrol(dir)
	if err != nil || own.ID() != g.Block.Events[0].ID() {
		t.Errorf("own enrolment: %v", err)
	}
	pins, err := StartPins(dir)
	if err != nil || !reflect.DeepEqual(pins, []Pin{{"alpha.example", id.OrgKey(), PinOwn}}) {
		t.Errorf("pins %v, %v", pins, err)
	}
}

// A node that is killed while it looks for its stamp leaves nothing behind.
func TestNothingIsWrittenBeforeTheStamp(t *testing.T) {
	dir := shortDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"alpha.example"}), Network: LocalNetwork("test"), Now: genesisDay}
	o.Network.IdentityStamp = 60 // more than anybody can solve
	o.Progress = func(_, _ time.Duration) {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("there is %v, %v", left, err)
		}
		cancel()
	}
	if _, err := Init(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestFilesAreForTheOwnerAlone(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	for name := range contents(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
		if strings.HasPrefix(name, "new-") {
			t.Errorf("%s was left behind", name)
		}
	}
	for _, d := range []string{dir, filepath.Join(dir, keysDir)} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, %v", d, info.Mode(), err)
		}
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	all := contents(t, dir)
	again := InitOptions{Dir: dir, Config: DefaultConfig("Other", []string{"other.example"}), Network: LocalNetwork("other"), Now: genesisDay}
	if _, err := Init(t.Context(), again); !errors.Is(err, ErrExists) {
		t.Errorf("a second init: %v", err)
	}
	if !reflect.DeepEqual(contents(t, dir), all) {
		t.Error("a second init changed files")
	}
	// Each file alone is enough to stop it.
	for name := range all {
		alone := shortDir(t)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(alone, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(alone, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		again.Dir = alone
		if _, err := Init(t.Context(), again); !errors.Is(err, ErrExists) {
			t.Errorf("with %s there: %v", name, err)
		}
		if got := contents(t, alone); len(got) != 1 || got[name] != "mine" {
			t.Errorf("with %s there, init left %v", name, got)
		}
	}
}

func TestCommitNeverReplacesUnasked(t *testing.T) {
	dir := shortDir(t)
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, replace := range []bool{false, true} { // b is the mark: not even then
		s, err := newStage(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.add("a", []byte("new")), s.add("b", []byte("new"))); err != nil {
			t.Fatal(err)
		}
		if err := s.commit(replace); !errors.Is(err, ErrExists) {
			t.Errorf("replace %v: %v", replace, err)
		}
		s.discard()
	}
	if got := contents(t, dir); got["b"] != "mine" {
		t.Errorf("left %v", got)
	}
}

// saysSpoilt reports whether an error says that a file is damaged, and what to do.
func saysSpoilt(err error, path string) bool {
	said, ok := errors.AsType[*api.Error](err)
	return ok && said.Code == api.CodeInvalid && strings.HasPrefix(said.Message, path+" is damaged: ") &&
		!strings.Contains(said.Message, "bad-encoding") && strings.HasPrefix(said.Hint, "restore it from a backup")
}

// A file of the membership that says nothing names itself and what to do.
func TestSpoiltMembership(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	for _, name := range []string{networkFile, enrolFile} {
		for _, text := range []string{"", "\xffgarbage"} {
			path := filepath.Join(dir, name)
			whole, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, []byte(text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, net := LoadNetwork(dir)
			_, enrol := LoadEnrol(dir)
			if err := errors.Join(net, enrol); !saysSpoilt(err, path) {
				t.Errorf("%s %q: %v", name, text, err)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestJoin(t *testing.T) {
	alpha, g := founder(t, "Alpha", "alpha.example")
	dir := newcomer(t, "Beta", "beta.example")
	if _, err := LoadNetwork(dir); !errors.Is(err, ErrNotMember) {
		t.Errorf("before joining: %v", err)
	}
	// What an interrupted join left is replaced.
	if err := os.WriteFile(filepath.Join(dir, enrolFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Join(t.Context(), dir, inviteFrom(t, alpha, g, "alpha.example"), nil); err != nil {
		t.Fatal(err)
	}
	got, err := LoadNetwork(dir)
	if err != nil || !bytes.Equal(got.Encode(), g.Encode()) {
		t.Errorf("another network: %v", err)
	}
	enrol, err := LoadEnrol(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := consensus.CheckEvent(&g.Params, g.Params.ChainID(), enrol); err != nil {
		t.Errorf("the enrolment is not valid: %v", err)
	}
	pins, err := StartPins(dir)
	if err != nil || len(pins) != 2 || pins[0].Source != PinOwn || pins[1] != (Pin{"alpha.example", g.Block.Events[0].Enrol().OrgKey, PinGenesis}) {
		t.Errorf("pins %v, %v", pins, err)
	}
	c, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.P2P.Bootstrap = []string{peer, "/ip4/10.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"}
	if peers, err := bootstrapPeers(dir, c); err != nil || !slices.Equal(peers, c.P2P.Bootstrap) {
		t.Errorf("peers %v, %v", peers, err)
	}
	before := contents(t, dir)
	if err := Join(t.Context(), dir, inviteFrom(t, alpha, g, "alpha.example"), nil); !errors.Is(err, ErrExists) {
		t.Errorf("joining twice: %v", err)
	}
	if !reflect.DeepEqual(contents(t, dir), before) {
		t.Error("joining twice changed files")
	}
}

func TestJoinRefusesTheDomainOfAnother(t *testing.T) {
	alpha, g := founder(t, "Alpha", "alpha.example")
	for _, domain := range []string{"alpha.example", "shop.example"} {
		dir := newcomer(t, "Thief", domain)
		err := Join(t.Context(), dir, inviteFrom(t, alpha, g, "alpha.example", "shop.example"), nil)
		if ce, ok := errors.AsType[*ConfigError](err); !ok || ce.Key != "organisation.domains" {
			t.Errorf("%s: %v", domain, err)
		}
		if fileExists(filepath.Join(dir, networkFile)) {
			t.Errorf("%s joined", domain)
		}
	}
}

func TestJoinCanBeStopped(t *testing.T) {
	alpha, g := founder(t, "Alpha", "alpha.example")
	g.Params.IdentityStamp = 64 // more than anybody can solve
	dir := newcomer(t, "Beta", "beta.example")
	before := contents(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	err := Join(ctx, dir, inviteFrom(t, alpha, g, "alpha.example"), func(spent, expected time.Duration) {
		if told++; spent <= 0 || expected < time.Hour {
			t.Errorf("told of %v of %v", spent, expected)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || told == 0 {
		t.Errorf("%v after %d reports", err, told)
	}
	if !reflect.DeepEqual(contents(t, dir), before) {
		t.Error("files changed")
	}
}

func TestDamagedKeys(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"not PEM":    "secret",
		"other kind": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"damaged":    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		dir := newcomer(t, "Alpha", "alpha.example")
		path := filepath.Join(dir, keysDir, home.NodeKeyFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(dir); !saysSpoilt(err, path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadIdentity(shortDir(t)); !errors.Is(err, ErrNotInitialised) {
		t.Errorf("no keys: %v", err)
	}
}

func TestDamagedPins(t *testing.T) {
	for _, text := range []string{"alpha.example\n", "alpha.example 12 own\n", "alpha.example " + strings.Repeat("00", 32) + " own more\n"} {
		dir := shortDir(t)
		if err := os.WriteFile(filepath.Join(dir, pinsFile), []byte("# pins\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := StartPins(dir); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestCutPins: a file of pins that ends too early is not taken for one with fewer of them; one of
// before it said how many there are is taken as it is.
func TestCutPins(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, pinsFile)
	pins := []Pin{{"alpha.example", consensus.Key{1}, PinOwn}, {"beta.example", consensus.Key{2}, PinInvite}}
	whole := formatPins(pins)
	for _, text := range [][]byte{whole, bytes.TrimSuffix(whole, []byte("\n")), bytes.Replace(whole, []byte("# The 2 pins"), []byte("# Trust"), 1)} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := StartPins(dir); err != nil || !slices.Equal(got, pins) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for n := range len(whole) - len("\n") {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := StartPins(dir); err == nil || api.AsError(err).Hint == "" {
			t.Errorf("the first %d octets: %v, %v", n, got, err)
		}
	}
}

// A damaged key of the organisation is no reason to look into backups, which do not have it.
func TestSpoiltOrgKey(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	for name, want := range map[string]string{
		home.OrgKey: "move it away, and put the organisation's key back from where it is kept", keysDir + "/" + home.NodeKeyFile: "restore it from a backup",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readKeyFile(path); !strings.HasPrefix(api.AsError(err).Hint, want) {
			t.Errorf("%s: %+v", name, api.AsError(err))
		}
	}
}

// A key of the organisation that is lost, or another one's, is in no ordinary backup either.
func TestForeignOrgKeySaysWhatHelps(t *testing.T) {
	dir, other := filepath.Join(shortDir(t), "n"), newcomer(t, "Other", "other.example")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"alpha.example"}), Network: LocalNetwork("test"), Now: genesisDay}
	o.Network.Version, o.Network.IdentityStamp = consensus.ParamsV1, 4 // in which keys never change
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	says := func(err error, text, hint string) {
		t.Helper()
		if said := api.AsError(err); err == nil || !strings.Contains(said.Message, text) || !strings.HasPrefix(said.Hint, hint) || strings.Contains(said.Hint, "backup restore") {
			t.Errorf("%v: %+v", err, said)
		}
	}
	if err := copyFile(other, dir, home.OrgKey); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, nil)
	says(err, "org.pem does not belong to the organisation of enrol.cairn", "move it away, and put the organisation's key back from where it is kept")
	if err := os.Remove(filepath.Join(other, home.OrgKey)); err != nil {
		t.Fatal(err)
	}
	_, err = LoadIdentity(other) // as Join does
	says(err, "org.pem is lost", "put the organisation's key back from where it is kept")
	if hint := unmixed(keysDir + "/" + home.OrgKeyFile); !strings.HasPrefix(hint, "move it away") {
		t.Errorf("where the chain knows it: %q", hint)
	}
	if hint := unmixed(enrolFile); !strings.HasSuffix(hint, ": cairn backup restore FILE --dir OTHER") {
		t.Errorf("%q", hint)
	}
}
