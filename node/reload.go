package node

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

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
		}
	}
}

// reload opens the log file anew, and lets count what LoadConfig finds, as far as a node that runs
// can take it. now is what counted before, and counts after; of a file that cannot be used nothing
// does.
func (n *Node) reload(now *Config) {
	n.reopenLog(now.Log)
	next, err := LoadConfig(n.dir)
	if err != nil {
		n.log.Error("the configuration cannot be used, and all stays as it was", "err", err, "try", n.typable(hintOf(err)))
		return
	}
	taken := changedKeys(now, next)
	if slices.ContainsFunc(taken, isLogKey) {
		if n.reopenLog(next.Log) {
			now.Log = next.Log
		} else if taken = slices.DeleteFunc(taken, isLogKey); len(taken) == 0 {
			return
		}
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

// reopenLog lets the log be as in c.
func (n *Node) reopenLog(c LogConfig) bool {
	if n.relog == nil {
		return true
	}
	err := n.relog(c)
	if err != nil {
		n.log.Error("the log stays as it was, its level too", "key", "log.file", "err", err, "try", n.typable("see that this user may write there, and send SIGHUP again"))
	}
	return err == nil
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
