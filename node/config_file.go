package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// checkKeys tells the first key that is none of Config's, or whose value is of
// another kind. Decoding alone would make "10" of 10, and 0 of 0.9.
func checkKeys(got *koanf.Koanf) error {
	known := koanf.New(".")
	if err := known.Load(structs.Provider(DefaultConfig("", []string{}), "koanf"), nil); err != nil {
		return err
	}
	for _, key := range got.Keys() {
		value := got.Get(key)
		section := slices.ContainsFunc(known.Keys(), func(k string) bool { return strings.HasPrefix(k, key+".") })
		switch {
		case section && isEmptySection(value), known.Exists(key) && !section && sameKind(value, known.Get(key)):
		case section:
			return &ConfigError{Key: key, Cause: "is a section, not a value", Next: "write [" + key + "] on a line of its own"}
		case known.Exists(key):
			return &ConfigError{Key: key, Cause: fmt.Sprintf("%v is not %s", value, kindOf(known.Get(key))), Next: "write " + kindOf(known.Get(key))}
		default:
			return &ConfigError{Key: key, Cause: "no such key", Next: "remove it, or use one of: " + strings.Join(known.Keys(), ", ")}
		}
	}
	return nil
}

func isEmptySection(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// sameKind reports whether a value as TOML gives it can become one like want.
func sameKind(v, want any) bool {
	if list, ok := v.([]any); ok && kindOf(want) == kindOf(v) {
		return !slices.ContainsFunc(list, func(e any) bool { return kindOf(e) != kindOf("") })
	}
	return kindOf(v) == kindOf(want)
}

// kindOf describes a value of TOML or of Config.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return `a text in quotes, as in "a"`
	case int, int64:
		return "a whole number"
	case []any, []string:
		return `a list of texts, as in ["a", "b"]`
	}
	return "of another kind"
}

// syntaxError turns the parser's message into one that names the line.
func syntaxError(err error) error {
	cause, next := strings.TrimPrefix(err.Error(), "toml: "), "correct it"
	if at, ok := errors.AsType[interface {
		error
		Position() (row, column int)
	}](err); ok {
		row, column := at.Position()
		next = fmt.Sprintf("correct line %d, near column %d, or the bracket or quote above it that is not closed", row, column)
		cause = fmt.Sprintf("line %d: %s", row, cause)
	}
	return &ConfigError{Cause: "not valid TOML: " + cause, Next: next}
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
