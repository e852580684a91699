package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// An init that is killed while it moves its files leaves some of them in its stage alone, and no
// node's directory. One that is killed after that leaves all of them in the stage too.

// Unfinished is the error of a directory that was to be a node's when the command that made it was
// killed, with the command that finishes it; nil for any other.
func Unfinished(dir string) error {
	if err := home.UnfinishedRestore(dir); err != nil {
		return err
	}
	if s := unfinishedInit(dir); s != nil {
		return api.Errorf(api.CodeInvalid, "it is finished by: cairn init --domain "+strings.Join(s.domains(), ","),
			"%s is no node's directory yet: the init of it was killed, and %s has what is missing", dir, s.tmp)
	}
	return nil
}

// hasMail tells of a directory in which a node has run.
func hasMail(dir string) bool {
	return fileExists(filepath.Join(dir, home.MailDir)) || fileExists(filepath.Join(dir, home.MailHead))
}

// stagedFiles are all that a stage may hold, in an order in which they may be moved.
var stagedFiles = []string{
	pinsFile, peersFile, enrolFile, networkFile, home.RecoveryKey,
	filepath.Join(keysDir, home.RecorderKeyFile), filepath.Join(keysDir, home.NodeKeyFile), home.OrgKey, ConfigFile,
}

// leftStages are the stages in dir of who was killed.
func leftStages(dir string) (list []*stage) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), stagePrefix)
		if !ok || !e.IsDir() || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		s := &stage{dir: dir, tmp: filepath.Join(dir, e.Name())}
		for _, name := range stagedFiles {
			if fileExists(filepath.Join(s.tmp, name)) {
				s.names = append(s.names, name)
			}
		}
		list = append(list, s)
	}
	return list
}

// begun reports whether any file of a stage was moved. The stage was whole before the first was.
func (s *stage) begun() bool { return slices.ContainsFunc(s.names, s.moved) }

// begunInit is the stage of an init that was killed when it had begun to move the files of the node
// in dir, which has not run since; nil if there is none.
func begunInit(dir string) *stage {
	if hasMail(dir) {
		return nil
	}
	for _, s := range leftStages(dir) {
		if slices.Contains(s.names, ConfigFile) && s.begun() {
			return s
		}
	}
	return nil
}

// unfinishedInit is begunInit, where the last file has no place yet. Earlier programs moved the
// configuration first and the organisation's key last.
func unfinishedInit(dir string) *stage {
	if s := begunInit(dir); s != nil && !s.finished() {
		return s
	}
	return nil
}

func (s *stage) finished() bool {
	return fileExists(filepath.Join(s.dir, ConfigFile)) && fileExists(filepath.Join(s.dir, home.OrgKey))
}

// planned is the configuration of the node whose files are staged, and its network, if it is to
// found one.
func (s *stage) planned() (*Config, *consensus.Genesis, error) {
	text, err := os.ReadFile(filepath.Join(s.tmp, ConfigFile))
	if err != nil {
		return nil, nil, err
	}
	c, err := parseConfig(text)
	if err != nil || !slices.Contains(s.names, networkFile) {
		return c, nil, err
	}
	text, err = os.ReadFile(filepath.Join(s.tmp, networkFile))
	if err != nil {
		return nil, nil, err
	}
	g, err := consensus.DecodeGenesis(text)
	return c, g, err
}

// domains are those of the node whose files are staged.
func (s *stage) domains() []string {
	if c, _, err := s.planned(); err == nil {
		return c.Organisation.Domains
	}
	return []string{"DOMAIN"}
}

// sameDomains reports whether two configurations are for the same domains.
func sameDomains(a, b *Config) bool {
	return slices.Equal(a.Organisation.Domains, b.Organisation.Domains)
}

// bare reports whether nothing but domains was asked for.
func bare(o InitOptions) bool {
	domains := o.Config.Organisation.Domains
	return o.Network == nil && bytes.Equal(o.Config.Format(), DefaultConfig(domains[0], domains).Format())
}

// founds reports whether g is of the network that is asked for; both may be nil.
func founds(n *NetworkOptions, g *consensus.Genesis) bool {
	if n == nil || g == nil {
		return n == nil && g == nil
	}
	p := &g.Params
	return *n == NetworkOptions{
		Version: p.Version, Name: p.Name, BlockInterval: p.BlockInterval, IdentityStamp: p.IdentityStamp,
		BatchStamp: p.BatchStamp, Attesters: p.Attesters, GenesisBits: n.GenesisBits,
	}
}

// commitInit moves the files of a node to their places. The stage stays where some were moved and
// others could not be.
func (s *stage) commitInit() error {
	err := s.commit(false)
	if err != nil {
		err = fmt.Errorf("making the node: %w", err)
	}
	if err == nil || !s.begun() {
		s.discard()
	}
	return err
}

// finishInit goes on with an init that was killed, if that is what is asked for.
func (s *stage) finishInit(o InitOptions) (*Identity, error) {
	c, g, err := s.planned()
	if err != nil {
		return nil, api.Errorf(api.CodeInvalid, "move "+s.tmp+" away, and what there is of keys and files in "+s.dir+", and make the node anew by the same command",
			"making the node: what an init that was killed has left in %s cannot be read: %v", s.tmp, err)
	}
	same := bytes.Equal(c.Format(), o.Config.Format()) && founds(o.Network, g)
	switch {
	case sameDomains(c, o.Config) && (bare(o) || same):
	case s.finished():
		return nil, fmt.Errorf("%s is there already: %w", filepath.Join(s.dir, ConfigFile), ErrExists)
	default:
		return nil, api.Errorf(api.CodeExists, "use the same flags as then, or the domains alone: cairn init --domain "+strings.Join(c.Organisation.Domains, ","),
			"making the node: an init with other flags was killed in %s, for %s", s.dir, strings.Join(c.Organisation.Domains, ", "))
	}
	if !s.finished() {
		err = s.commitInit()
	} else {
		err = clearStages(s.dir)
	}
	if err != nil {
		return nil, err
	}
	return LoadIdentity(s.dir)
}

// clearStages removes what was left in dir of stages whose files are in their places. A key that is
// nowhere else stays, but for a recovery key that no enrolment has named.
func clearStages(dir string) error {
	var errs []error
	for _, s := range leftStages(dir) {
		for _, name := range s.names {
			if from, _ := s.paths(name); s.needless(name) {
				errs = append(errs, os.Remove(from))
			}
		}
		for _, folder := range []string{filepath.Join(s.tmp, keysDir), s.tmp} {
			if isEmptyFolder(folder) {
				errs = append(errs, os.Remove(folder))
			}
		}
		errs = append(errs, home.SyncDir(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing what was left in %s: %w", dir, err)
	}
	return nil
}

// needless reports whether a staged file may be removed.
func (s *stage) needless(name string) bool {
	from, to := s.paths(name)
	switch {
	case s.moved(name):
		return true
	case filepath.Dir(name) != keysDir:
		return fileExists(to)
	case s.keptElsewhere(name):
		return true
	case name != filepath.FromSlash(home.RecoveryKey):
		return false
	}
	enrol, err := LoadEnrol(s.dir)
	return err == nil && !recovers(from, enrol)
}

// keptElsewhere reports whether a staged key is among those of the node, perhaps as a former one.
func (s *stage) keptElsewhere(name string) bool {
	from, _ := s.paths(name)
	text, err := os.ReadFile(from)
	if err != nil {
		return false
	}
	keys, _ := filepath.Glob(filepath.Join(s.dir, keysDir, "*.pem"))
	return slices.ContainsFunc(keys, func(key string) bool {
		kept, err := os.ReadFile(key)
		return err == nil && bytes.Equal(kept, text)
	})
}

// recovers reports whether a file holds the recovery key that an enrolment names.
func recovers(path string, enrol *consensus.OrgEvent) bool {
	key, err := LoadRecoveryKey(path)
	return err == nil && enrol.Enrol().Recovery == consensus.RecoveryCommitment(consensus.PublicKey(key))
}

// recoveryKeyIn is the file with the recovery key in a node's directory: in its place, or what was
// left of a stage; empty if there is none.
func recoveryKeyIn(dir string) string {
	if path := filepath.Join(dir, filepath.FromSlash(home.RecoveryKey)); fileExists(path) {
		return path
	}
	enrol, err := LoadEnrol(dir)
	if err != nil {
		return ""
	}
	for _, s := range leftStages(dir) {
		if path, _ := s.paths(home.RecoveryKey); recovers(path, enrol) {
			return path
		}
	}
	return ""
}
