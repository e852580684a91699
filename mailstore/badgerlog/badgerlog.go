// Package badgerlog passes what Badger says on to a node's log, the same way for each of its three
// databases. Warnings and errors are told as they are, what it says about its daily work at level
// debug. All lines are of the part "badger", so that they can be had or left out by themselves.
package badgerlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// Part is the part of the node that Badger's lines are of in the log.
const Part = "badger"

// Logger is a badger.Logger.
type Logger struct{ log *slog.Logger }

// New returns the logger of the database that is called name in each line, such as "mail".
func New(log *slog.Logger, name string) *Logger {
	return &Logger{log.With("part", Part, "store", name)}
}

// Errorf tells an error. That a value cannot be read, and under which octets, is left to who reads
// it: whose it is says more.
func (l *Logger) Errorf(format string, args ...any) {
	level := slog.LevelError
	if strings.HasPrefix(format, "Unable to read: Key:") || strings.HasPrefix(format, "Key: %v, Version") {
		level = slog.LevelDebug
	}
	l.print(level, format, args)
}

func (l *Logger) Warningf(format string, args ...any) { l.print(slog.LevelWarn, format, args) }
func (l *Logger) Infof(format string, args ...any)    { l.print(slog.LevelDebug, format, args) }
func (l *Logger) Debugf(format string, args ...any)   { l.print(slog.LevelDebug, format, args) }

func (l *Logger) print(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "database: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
