// Package apitest holds documents to the fields that programs know them by.
package apitest

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// KeepFields compares the fields of all documents with a golden file. A line that is missing there
// is a new field: add it. A line that is only there was removed or renamed, which needs another
// version of the documents.
func KeepFields(t *testing.T, golden string, docs []any) {
	t.Helper()
	var fields []string
	for _, v := range docs {
		listFields(reflect.TypeOf(v), reflect.TypeOf(v).Name(), &fields)
	}
	slices.Sort(fields)
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, f := range fields {
		if !slices.Contains(want, f) {
			t.Errorf("new: %s", f)
		}
	}
	for _, f := range want {
		if !slices.Contains(fields, f) {
			t.Errorf("gone: %s", f)
		}
	}
}

func listFields(t reflect.Type, path string, fields *[]string) {
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[[]byte]():
		*fields = append(*fields, path+" "+t.String())
	case t.Kind() == reflect.Pointer:
		listFields(t.Elem(), path, fields)
	case t.Kind() == reflect.Slice:
		listFields(t.Elem(), path+"[]", fields)
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case !f.IsExported() && !f.Anonymous:
			case f.Anonymous:
				listFields(f.Type, path, fields)
			case name == "":
				*fields = append(*fields, path+"."+f.Name+" has no name in JSON")
			default:
				listFields(f.Type, path+"."+name, fields)
			}
		}
	default:
		*fields = append(*fields, path+" "+t.Kind().String())
	}
}
