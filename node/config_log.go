package node

import (
	"path/filepath"
	"strings"

	"cairn/node/logs"
)

// Settings are those of the log. They are there once the configuration has been validated.
func (c *LogConfig) Settings() logs.Settings {
	level, _ := logs.ParseLevel(c.Level)
	return logs.Settings{Level: level, Debug: c.Debug, File: c.File}
}

// check tells what Settings would not take.
func (c *LogConfig) check() error {
	if _, err := logs.ParseLevel(c.Level); err != nil {
		return badValue("log.level", `write "debug", "info", "warn" or "error"`, "%v", err)
	}
	if err := logs.CheckParts(c.Debug); err != nil {
		return badValue("log.debug", `name parts, as in ["smtp", "queue"]`, "%v", err)
	}
	if c.File != "" && (!filepath.IsAbs(c.File) || strings.ContainsRune(c.File, 0)) {
		return badValue("log.file", `write the absolute path of a file, as in "/var/log/cairn.log", or "" for standard error`, "%q is no absolute path", c.File)
	}
	return nil
}

// NoLog is the error of a log file that cannot be opened.
func (c *LogConfig) NoLog(dir string, err error) error {
	return &ConfigError{File: filepath.Join(dir, ConfigFile), Key: "log.file", Cause: err.Error(), Next: "name a file that this user may write, in a folder that is there"}
}
