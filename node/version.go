package node

import "runtime/debug"

// Version is the version of this program as the Go toolchain recorded it:
// a tag, or "devel" with the revision it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	version := "devel"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value[:min(len(s.Value), 12)]
		}
	}
	return version
}
