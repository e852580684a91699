package node

import (
	"errors"
	"fmt"
	"maps"
	"math"
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
		case key == smarthostsKey:
			if err := checkTables(key, value, SmarthostConfig{To: []string{}, From: []string{}}); err != nil {
				return err
			}
		case section && isEmptySection(value), known.Exists(key) && !section && sameKind(value, known.Get(key)):
		case section:
			return &ConfigError{Key: key, Cause: "is a section, not a value", Next: "write [" + key + "] on a line of its own"}
		case known.Exists(key):
			return &ConfigError{Key: key, Cause: shown(value) + " is not " + kindOf(known.Get(key)), Next: "write " + kindOf(known.Get(key))}
		default:
			return unknownKey(key, key, known.Keys())
		}
	}
	return nil
}

// unknownKey is the error of a key that is none of known. It names the one that may be meant, else
// those of its section, else all.
func unknownKey(at, key string, known []string) error {
	e := &ConfigError{Key: at, Cause: "no such key"}
	section := key[:strings.LastIndex(key, ".")+1]
	near, distance := nearest(key, known)
	elsewhere := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !strings.HasSuffix(k, "."+key[len(section):]) })
	beside := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return section == "" || !strings.HasPrefix(k, section) })
	switch {
	case distance <= 1+len(key)/8:
		e.Next = "write " + near + ", if that is meant; else remove it"
	case len(elsewhere) == 1:
		e.Next = "write it as " + elsewhere[0] + ", if that is meant; else remove it"
	case len(beside) > 0:
		e.Next = "remove it, or use one of: " + strings.Join(beside, ", ")
	default:
		e.Next = "remove it, or use one of: " + strings.Join(known, ", ")
	}
	return e
}

// nearest is the name that takes the fewest changes of single letters to become key.
func nearest(key string, names []string) (near string, distance int) {
	distance = math.MaxInt
	if len(key) > 100 {
		return "", distance
	}
	for _, name := range names {
		if d := changes(key, name); d < distance {
			near, distance = name, d
		}
	}
	return near, distance
}

// changes counts the octets to insert, remove or replace that make b of a (Levenshtein); a swap of
// two that stand side by side is one.
func changes(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := range b {
			j++
			if i == 0 {
				rows[i][j] = j
				continue
			}
			rows[i][j] = min(rows[i-1][j], rows[i][j-1]) + 1
			if a[i-1] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-1][j-1])
			} else {
				rows[i][j] = min(rows[i][j], rows[i-1][j-1]+1)
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// smarthostsKey is the one key with a list of tables.
const smarthostsKey = "outbound.smarthosts"

// checkTables holds a list of tables to the keys that each may have.
func checkTables(key string, value, form any) error {
	list, ok := value.([]any)
	known := koanf.New(".")
	if err := known.Load(structs.Provider(form, "koanf"), nil); err != nil {
		return err
	}
	for i, entry := range list {
		table, is := entry.(map[string]any)
		if ok = ok && is; !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			at := fmt.Sprintf("%s, entry %d, %s", key, i+1, name)
			switch {
			case !known.Exists(name):
				return unknownKey(at, name, known.Keys())
			case !sameKind(table[name], known.Get(name)):
				return &ConfigError{Key: at, Cause: shown(table[name]) + " is not " + kindOf(known.Get(name)), Next: "write " + kindOf(known.Get(name))}
			}
		}
	}
	if !ok {
		return &ConfigError{Key: key, Cause: "is not a list of tables", Next: `write one as in [{to = ["example.net"], via = "smtp.example.net:587"}], or []`}
	}
	return nil
}

// tomlSmarthosts writes such a list, an entry a line, without the keys that say nothing.
func tomlSmarthosts(list []SmarthostConfig) string {
	if len(list) == 0 {
		return "[]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, s := range list {
		fmt.Fprintf(&b, "  {to = %s, from = %s, via = %s", tomlStrings(s.To), tomlStrings(s.From), tomlString(s.Via))
		for _, f := range [][2]string{{"tls", s.TLS}, {"ca_file", s.CAFile}, {"user", s.User}, {"password_file", s.PasswordFile}, {"auth", s.Auth}} {
			if f[1] != "" {
				fmt.Fprintf(&b, ", %s = %s", f[0], tomlString(f[1]))
			}
		}
		b.WriteString("},\n")
	}
	return b.String() + "]"
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

// shown is a value as it stands in the file, so that a text is told from a number.
func shown(v any) string {
	if s, ok := v.(string); ok {
		return tomlString(s)
	}
	return fmt.Sprint(v)
}

// kindOf describes a value of TOML or of Config.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return `a text in quotes, as in "a"`
	case int, int64:
		return "a whole number, as in 10"
	case bool:
		return "true or false"
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
	} else if strings.Contains(cause, " already ") { // of what the parser gives no line
		next = "let each section and key stand there once: change the one that is there, and remove the other"
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
