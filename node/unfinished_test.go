package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
)

// killedInit makes a node whose init is killed behind so many of its moves, and says how many there
// are. Before the first one the given files of the stage are put first.
func killedInit(t *testing.T, o InitOptions, moves int, first ...string) (all int) {
	t.Helper()
	s, _, err := prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) > 0 {
		s.names = slices.Concat(first, slices.DeleteFunc(s.names, func(name string) bool { return slices.Contains(first, name) }))
	}
	list := s.moves(false)
	for _, move := range list[:min(moves, len(list))] {
		if err := move(); err != nil {
			t.Fatal(err)
		}
	}
	return len(list)
}

// toFound are the options of a founder, or of a node that is to join.
func toFound(t *testing.T, founds bool) InitOptions {
	o := InitOptions{Dir: filepath.Join(shortDir(t), "n"), Config: DefaultConfig("alpha.test", []string{"alpha.test", "beta.test"}), Now: genesisDay}
	if founds {
		o.Network = LocalNetwork("test")
		o.Network.IdentityStamp = 4
	}
	return o
}

// staged are what is left of stages in dir.
func staged(t *testing.T, dir string) (list []string) {
	t.Helper()
	for name := range contents(t, dir) {
		if strings.HasPrefix(name, stagePrefix) {
			list = append(list, name)
		}
	}
	return list
}

// An init that is killed between any two of its moves is told by whoever looks at the directory,
// and finished by the same command, or by one with the domains alone.
func TestKilledInitIsFinished(t *testing.T) {
	for _, founds := range []bool{true, false} {
		all := killedInit(t, toFound(t, founds), 0)
		for moves := range all {
			for _, bare := range []bool{true, false} {
				o := toFound(t, founds)
				killedInit(t, o, moves)
				left := contents(t, o.Dir)
				_, err := LoadConfig(o.Dir)
				wantUnfinished(t, err, moves > 0 && moves < all-1)
				again := o
				if bare && moves > 0 {
					again.Network = nil
				}
				id, err := Init(t.Context(), again)
				if err != nil {
					t.Fatalf("behind %d moves of %v: %v", moves, founds, err)
				}
				got := contents(t, o.Dir)
				for name, text := range left {
					if _, file, _ := strings.Cut(name, string(filepath.Separator)); moves > 0 && strings.HasPrefix(name, stagePrefix) && got[file] != text {
						t.Errorf("behind %d moves %s is another", moves, file)
					}
				}
				if key, err := LoadIdentity(o.Dir); err != nil || key.OrgKey() != id.OrgKey() || fileExists(filepath.Join(o.Dir, networkFile)) != founds {
					t.Errorf("behind %d moves: %v", moves, err)
				}
				if moves > 0 && len(staged(t, o.Dir)) > 0 {
					t.Errorf("behind %d moves there is %v yet", moves, staged(t, o.Dir))
				}
			}
		}
	}
}

func wantUnfinished(t *testing.T, err error, unfinished bool) {
	t.Helper()
	said, ok := errors.AsType[*api.Error](err)
	if ok != unfinished || ok && (!strings.HasSuffix(said.Hint, ": cairn init --domain alpha.test,beta.test") || !strings.Contains(said.Message, "was killed")) {
		t.Errorf("%v: %+v", err, said)
	}
}

// So is one of a program that moved the configuration first and the organisation's key last; but
// not where a node has run since.
func TestKilledInitOfAnEarlierProgram(t *testing.T) {
	for _, moves := range []int{1, 3, 5, 7} {
		o := toFound(t, true)
		killedInit(t, o, moves, ConfigFile, pinsFile, enrolFile, networkFile, home.RecoveryKey)
		_, err := LoadConfig(o.Dir)
		wantUnfinished(t, err, true)
		mail := filepath.Join(o.Dir, home.MailDir)
		if err := os.Mkdir(mail, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err = LoadConfig(o.Dir)
		wantUnfinished(t, err, false)
		if err := os.Remove(mail); err != nil {
			t.Fatal(err)
		}
		if _, err := Init(t.Context(), o); err != nil {
			t.Errorf("behind %d moves: %v", moves, err)
		}
	}
}

// What was made is not given to a command that asks for something else.
func TestKilledInitIsNotAnotherOne(t *testing.T) {
	for name, change := range map[string]func(*InitOptions){
		"domains": func(o *InitOptions) { o.Config, o.Network = DefaultConfig("other.test", []string{"other.test"}), nil },
		"network": func(o *InitOptions) { o.Network.Name = "other" },
		"none":    func(o *InitOptions) { o.Network, o.Config.Mine = nil, "off" },
		"listen":  func(o *InitOptions) { o.Config.Submission.Listen = "127.0.0.1:1" },
	} {
		o := toFound(t, true)
		killedInit(t, o, 4)
		left := contents(t, o.Dir)
		change(&o)
		_, err := Init(t.Context(), o)
		if said := api.AsError(err); err == nil || said.Code != api.CodeExists || !strings.Contains(said.Hint, "cairn init --domain alpha.test,beta.test") {
			t.Errorf("another %s: %v", name, err)
		}
		if got := contents(t, o.Dir); len(got) != len(left) {
			t.Errorf("another %s: there is %v", name, got)
		}
	}
	o := toFound(t, true)
	killedInit(t, o, 100)
	o.Network.Name = "other"
	if _, err := Init(t.Context(), o); !errors.Is(err, ErrExists) {
		t.Errorf("where all is in its place: %v", err)
	}
}

// The recovery key leaves the directory for good: what an init has left that was killed behind its
// last move goes too.
func TestKilledInitLeavesNoRecoveryKey(t *testing.T) {
	o := toFound(t, true)
	killedInit(t, o, 100)
	if len(staged(t, o.Dir)) == 0 {
		t.Fatal("nothing was left")
	}
	file := filepath.Join(shortDir(t), "recovery.pem")
	if err := TakeRecoveryKey(o.Dir, file); err != nil {
		t.Fatal(err)
	}
	if left := staged(t, o.Dir); len(left) > 0 || HasRecoveryKey(o.Dir) || fileExists(filepath.Join(o.Dir, home.RecoveryKey)) {
		t.Errorf("there is %v yet", left)
	}
	if all, err := filepath.Glob(filepath.Join(o.Dir, stagePrefix+"*")); err != nil || len(all) > 0 {
		t.Errorf("there is %v, %v", all, err)
	}
}

// A recovery key that was taken before, by a program that left the copy, is known still, and taken.
func TestRecoveryKeyInAStageIsTaken(t *testing.T) {
	o := toFound(t, true)
	killedInit(t, o, 100)
	dir := shortDir(t)
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.Rename(filepath.Join(o.Dir, home.RecoveryKey), first); err != nil {
		t.Fatal(err)
	}
	if err := clearStages(o.Dir); err != nil {
		t.Fatal(err)
	}
	if left := staged(t, o.Dir); len(left) != 1 || !strings.HasSuffix(left[0], home.RecoveryKey) || !HasRecoveryKey(o.Dir) {
		t.Fatalf("there is %v", left)
	}
	if err := TakeRecoveryKey(o.Dir, second); err != nil {
		t.Fatal(err)
	}
	was, err := LoadRecoveryKey(first)
	is, isErr := LoadRecoveryKey(second)
	if err := errors.Join(err, isErr); err != nil || !was.Equal(is) || HasRecoveryKey(o.Dir) {
		t.Errorf("%v", err)
	}
	if all, err := filepath.Glob(filepath.Join(o.Dir, stagePrefix+"*")); err != nil || len(all) > 0 {
		t.Errorf("there is %v, %v", all, err)
	}
}

// A start removes what a killed init left, but no key that is nowhere else, and nothing that is not
// its own.
func TestStartClearsStages(t *testing.T) {
	o := toFound(t, true)
	killedInit(t, o, 100)
	mine := filepath.Join(o.Dir, stagePrefix+"mail", ConfigFile)
	if err := errors.Join(os.Mkdir(filepath.Dir(mine), 0o700), os.WriteFile(mine, nil, 0o600), os.Remove(filepath.Join(o.Dir, home.OrgKey))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(o.Dir, home.MailDir), 0o700); err != nil { // it has run since
		t.Fatal(err)
	}
	if err := clearStages(o.Dir); err != nil {
		t.Fatal(err)
	}
	left := staged(t, o.Dir)
	if len(left) != 2 || !slices.ContainsFunc(left, func(name string) bool { return strings.HasSuffix(name, home.OrgKey) }) || !fileExists(mine) {
		t.Errorf("there is %v", left)
	}
}
