package cli

import (
	"cmp"
	"reflect"
	"strings"

	"cairn/node/api"
)

// typable makes a command in a hint one that can be typed as it stands: it starts this program as
// it was started, and a command for a node names its directory at the end.
func (a *app) typable(hint string) string {
	return api.Typable(hint, cmp.Or(a.command, "cairn"), a.dir)
}

// makeTypable makes the next steps in a document typable: its texts that JSON has as next, or as
// something_next.
func (a *app) makeTypable(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			a.makeTypable(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			a.makeTypable(v.Index(i))
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case !field.IsExported():
			case value.Kind() == reflect.String && (name == "next" || strings.HasSuffix(name, "_next")):
				value.SetString(a.typable(value.String()))
			default:
				a.makeTypable(value)
			}
		}
	}
}
