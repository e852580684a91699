package node

import (
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPathsOfTheConfiguration: all files and folders that the configuration can name are known to
// whoever has to let the node reach them, as a unit of systemd.
func TestPathsOfTheConfiguration(t *testing.T) {
	c := DefaultConfig("Alpha", []string{"alpha.test"})
	c.Outbound.Smarthosts = make([]SmarthostConfig, 1)
	named := make(map[string]string) // by key
	var name func(v reflect.Value, within string)
	name = func(v reflect.Value, within string) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				name(v.Field(i), within+"/"+v.Type().Field(i).Tag.Get("koanf"))
			}
		case reflect.Slice:
			for i := range v.Len() {
				name(v.Index(i), within)
			}
		case reflect.String:
			if strings.HasSuffix(within, "file") || strings.HasSuffix(within, "webroot") {
				named[within] = "/srv" + within
				v.SetString("/srv" + within)
			}
		}
	}
	name(reflect.ValueOf(c).Elem(), "")
	if len(named) < 11 {
		t.Errorf("only these were found: %v", named)
	}
	const socket = "/srv/milter/socket"
	c.Milter.Listen, named["/milter/listen"] = "unix:"+socket, socket
	for i, command := range []*[]string{&c.Submission.Filter, &c.Inbound.Filter, &c.TLS.DNSCommand} {
		path := "/srv/command" + strconv.Itoa(i)
		*command, named[path] = []string{path}, path
	}
	known := append(c.Written(), c.Read()...)
	for key, path := range named {
		if !slices.Contains(known, path) && !slices.Contains(known, filepath.Dir(path)) {
			t.Errorf("%s is not known", key)
		}
	}
}
