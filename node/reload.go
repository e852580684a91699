package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"

	"cairn/node/api"
)

// readAnew reads the configuration anew whenever it is told to, until ctx is done; now is what
// counts before. n.cfg stays what it was at the start: other parts go by it.
func (n *Node) readAnew(ctx context.Context, now Config) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.hangup:
			n.reload(&now)
			if issued := n.certificate.issued; issued != nil {
				issued.Again()
			}
		}
	}
}

// reload opens the log file anew, and lets count what LoadConfig finds, as far as a node that runs
// can take it. now is what counted before, and counts after; of a file that cannot be used nothing
// does.
func (n *Node) reload(now *Config) {
	next, err := LoadConfig(n.dir)
	if err != nil {
		n.reopenLog(now.Log, now.Log, nil)
		n.log.Error("the configuration cannot be used, and all stays as it was", "err", err, "try", n.typable(hintOf(err)))
		return
	}
	taken := changedKeys(now, next)
	if n.reopenLog(next.Log, now.Log, taken) {
		now.Log = next.Log
	} else if taken = slices.DeleteFunc(taken, isLogKey); len(taken) == 0 {
		return
	}
	taken = slices.DeleteFunc(taken, func(key string) bool {
		if isLogKey(key) || strings.HasPrefix(key, "verdict.") {
			return false
		}
		n.log.Warn("what was changed in the configuration needs a restart", "key", key)
		return true
	})
	now.Verdict = next.Verdict
	n.filing.SetPolicy(now.Verdict.policy())
	n.verifier.SetPolicy(now.Verdict.Threshold, now.Verdict.way())
	n.log.Info("the configuration was read anew", "changed", strings.Join(taken, " "))
}

// hintOf is what to do about a configuration that cannot be used.
func hintOf(err error) string {
	if config, ok := errors.AsType[*ConfigError](err); ok {
		return config.Next
	}
	if said, ok := errors.AsType[*api.Error](err); ok {
		return said.Hint
	}
	return "see that this user may read the file"
}

func isLogKey(key string) bool { return strings.HasPrefix(key, "log.") }

// reopenLog lets the log be as in c, or else stay as in was; changed are keys that differ between
// them, among others.
func (n *Node) reopenLog(c, was LogConfig, changed []string) bool {
	if n.relog == nil {
		return true
	}
	err := n.relog(c)
	if err == nil {
		return true
	}
	if c.File != was.File {
		if wasErr := n.relog(was); wasErr != nil { // it may have been moved away
			err = fmt.Errorf("%w; %v", err, wasErr)
		}
	}
	keys := slices.DeleteFunc(slices.Clone(changed), func(key string) bool { return !isLogKey(key) })
	if len(keys) == 0 {
		keys = []string{"log.file"}
	}
	n.log.Error("the log stays as it was, its level too", "key", strings.Join(keys, " "), "err", err, "try", n.typable(logHint(c.File, err)))
	return false
}

// logHint is what to do about a log file that cannot be opened.
func logHint(file string, err error) string {
	const again = ", and send SIGHUP again"
	switch info, statErr := os.Stat(file); {
	case errors.Is(err, fs.ErrNotExist):
		return "make the folder " + filepath.Dir(file) + again
	case statErr == nil && info.IsDir():
		return "name a file in log.file, which is a folder" + again
	case errors.Is(err, fs.ErrPermission):
		return "see that this user may write " + file + again
	case errors.Is(err, syscall.ENOTDIR):
		return "name a file in a folder in log.file" + again
	}
	return "see that there is room on the disk, and that it is well" + again
}

// changedKeys are those whose values differ, sorted.
func changedKeys(a, b *Config) (keys []string) {
	was, is := flat(a), flat(b)
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if !reflect.DeepEqual(was[key], is[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}

// flat is a configuration by its keys. A list without elements is nil.
func flat(c *Config) map[string]any {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(c, "koanf"), nil); err != nil {
		panic(err) // it only reads fields
	}
	all := k.All()
	for key, value := range all {
		if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.Len() == 0 {
			all[key] = nil
		}
	}
	return all
}
