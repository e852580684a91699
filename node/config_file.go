package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// checkKeys tells the first key that is none of Config's.
func checkKeys(got []string) error {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(DefaultConfig("", nil), "koanf"), nil); err != nil {
		return err
	}
	known := k.Keys()
	for _, key := range got {
		if slices.Contains(known, key) {
			continue
		}
		if slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, key+".") }) {
			return &ConfigError{Key: key, Cause: "is a section, not a value", Next: "write [" + key + "] on a line of its own"}
		}
		return &ConfigError{Key: key, Cause: "no such key", Next: "remove it, or use one of: " + strings.Join(known, ", ")}
	}
	return nil
}

// typeError turns the decoder's message into one that names the key.
func typeError(err error) error {
	cause := strings.Join(strings.Fields(errors.Unwrap(err).Error()), " ")
	return &ConfigError{Cause: cause, Next: "give that key a value of the kind shown in the file that init writes"}
}

// tomlString writes a TOML basic string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case isControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func tomlStrings(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = tomlString(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
