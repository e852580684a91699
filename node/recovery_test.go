package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// enrolledRecovery holds that an enrolment commits to the recovery key in dir, and returns its
// file.
func enrolledRecovery(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, filepath.FromSlash(home.RecoveryKey))
	key, err := LoadRecoveryKey(path)
	if err != nil {
		t.Fatal(err)
	}
	enrol, err := LoadEnrol(dir)
	if err != nil || enrol.Enrol().Recovery != consensus.RecoveryCommitment(consensus.PublicKey(key)) {
		t.Errorf("%s commits to another recovery key: %v", dir, err)
	}
	return path
}

func TestRecoveryKeyIsTakenOffline(t *testing.T) {
	dir, g := founder(t, "Alpha", "alpha.example")
	joined := newcomer(t, "Beta", "beta.example")
	if HasRecoveryKey(joined) {
		t.Error("there is a recovery key before the node has joined")
	}
	left := filepath.Join(joined, filepath.FromSlash(home.RecoveryKey)) // by a join that was killed
	if err := copyFile(dir, joined, home.RecoveryKey); err != nil {
		t.Fatal(err)
	}
	before, _ := LoadRecoveryKey(left)
	if err := Join(t.Context(), joined, inviteFrom(t, dir, g, "alpha.example"), nil); err != nil {
		t.Fatal(err)
	}
	if after, err := LoadRecoveryKey(left); err != nil || !after.Equal(before) {
		t.Errorf("a recovery key was replaced: %v", err)
	}
	for _, d := range []string{dir, joined} {
		from := enrolledRecovery(t, d)
		key, err := LoadRecoveryKey(from)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(shortDir(t), "recovery")
		for path, code := range map[string]api.Code{
			filepath.Join(d, "recovery"):            api.CodeInvalid,
			filepath.Join(d, "keys", "elsewhere"):   api.CodeInvalid,
			filepath.Join(d, "missing", "recovery"): api.CodeInvalid,
			filepath.Join(d, ConfigFile):            api.CodeInvalid,
			filepath.Join(out, "missing"):           api.CodeInternal,
			writeText(t, "some other file of mine"): api.CodeExists,
		} {
			if err := TakeRecoveryKey(d, path); api.AsError(err).Code != code || !HasRecoveryKey(d) {
				t.Errorf("into %s: %v", path, err)
			}
		}
		if err := TakeRecoveryKey(d, out); err != nil || HasRecoveryKey(d) {
			t.Fatalf("taking it: %v", err)
		}
		taken, err := LoadRecoveryKey(out)
		if err != nil || !taken.Equal(key) {
			t.Errorf("what was written is another one: %v", err)
		}
		enrol, _ := LoadEnrol(d)
		text, _ := os.ReadFile(out)
		if info, _ := os.Stat(out); info.Mode().Perm() != 0o600 || !strings.Contains(string(text), enrol.ID().String()) {
			t.Errorf("mode %v, %s", info.Mode(), text)
		}
		if err := TakeRecoveryKey(d, filepath.Join(shortDir(t), "again")); api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("taking it twice: %v", err)
		}
		if _, err := LoadIdentity(d); err != nil {
			t.Errorf("the node without it: %v", err)
		}
	}
}

// What ended between writing and removing is gone on with.
func TestRecoveryKeyIsTakenAfterAnInterruption(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	from, out := enrolledRecovery(t, dir), filepath.Join(shortDir(t), "recovery")
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := os.WriteFile(from, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := TakeRecoveryKey(dir, out); err != nil || HasRecoveryKey(dir) {
			t.Errorf("taking it: %v", err)
		}
	}
}

func TestNoRecoveryKeyWhereNothingChanges(t *testing.T) {
	dir := filepath.Join(shortDir(t), "n")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"alpha.example"}), Network: LocalNetwork("test"), Now: genesisDay}
	o.Network.Version, o.Network.IdentityStamp = consensus.ParamsV1, 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(shortDir(t), "recovery")
	if err := TakeRecoveryKey(dir, out); api.AsError(err).Code != api.CodeNotAllowed || HasRecoveryKey(dir) || fileExists(out) {
		t.Errorf("a recovery key in a network of version 1: %v", err)
	}
	if err := TakeRecoveryKey(newcomer(t, "Beta", "beta.example"), out); api.AsError(err).Code != api.CodeNotFound {
		t.Errorf("before joining: %v", err)
	}
}

// writeText makes a file of that text.
func writeText(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
