// Package logs decides what a node's log holds and where it goes: to a writer, or to a file that is
// opened anew when it was moved away. Both can be changed while the node logs. Each part of the
// node logs with an attribute "part" of its own, and has a level of its own.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"cairn/mailstore/badgerlog"
)

// partKey is the attribute that names the part of the node which a line is of.
const partKey = "part"

// Parts are those whose lines at level debug can be had by themselves. Lines without a part are of
// the node as a whole.
var Parts = []string{"smtp", "queue", "recorder", "verifier", "chain", "miner", "p2p", "index", "store", badgerlog.Part}

// Settings are what an administrator decides about a log.
type Settings struct {
	Level slog.Level // what is told; of Badger no more than LevelInfo
	Debug []string   // Parts that are told at LevelDebug whatever Level is
	File  string     // path of the file that is appended to; empty: the writer that Open was given
}

// ParseLevel reads a level by its name.
func ParseLevel(name string) (slog.Level, error) {
	var l slog.Level
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, name) {
		return l, fmt.Errorf("%q is none of debug, info, warn, error", name)
	}
	return l, l.UnmarshalText([]byte(name))
}

// CheckParts tells the first name that is none of Parts.
func CheckParts(names []string) error {
	for _, name := range names {
		if !slices.Contains(Parts, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(Parts, ", "))
		}
	}
	return nil
}

// Log is an open log. Its methods may be called from any goroutine.
type Log struct {
	handler handler
	sink    *sink
}

// Open begins a log of lines as text, or as JSON documents, to w or to the file that s names.
func Open(w io.Writer, json bool, s Settings) (*Log, error) {
	l := &Log{sink: &sink{w: w}, handler: handler{levels: new(atomic.Pointer[Settings])}}
	all := &slog.HandlerOptions{Level: slog.LevelDebug} // levels decides
	if l.handler.to = slog.NewTextHandler(l.sink, all); json {
		l.handler.to = slog.NewJSONHandler(l.sink, all)
	}
	return l, l.Set(s)
}

// Logger is what parts of the node log with; each names itself by an attribute "part".
func (l *Log) Logger() *slog.Logger { return slog.New(l.handler) }

// Set takes other settings, or the same: then the file is opened anew, which may have been moved
// away. With an error all is as it was.
func (l *Log) Set(s Settings) error {
	if err := l.sink.open(s.File); err != nil {
		return err
	}
	s.Debug = slices.Clone(s.Debug)
	l.handler.levels.Store(&s)
	return nil
}

// Close closes the file if there is one. What is logged later goes to the writer.
func (l *Log) Close() error { return l.sink.open("") }

// level is from where on lines of a part are told.
func (s *Settings) level(part string) slog.Level {
	switch {
	case slices.Contains(s.Debug, part):
		return slog.LevelDebug
	case part == badgerlog.Part:
		return max(s.Level, slog.LevelInfo)
	}
	return s.Level
}

// handler drops the lines that are not asked for.
type handler struct {
	to     slog.Handler
	levels *atomic.Pointer[Settings]
	part   string
}

func (h handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= h.levels.Load().level(h.part)
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if h.part != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(partKey, h.part))
	}
	return h.to.Handle(ctx, r)
}

// WithAttrs takes the part out: the last one counts.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var others []slog.Attr
	for _, a := range attrs {
		if a.Key == partKey {
			h.part = a.Value.String()
		} else {
			others = append(others, a)
		}
	}
	h.to = h.to.WithAttrs(others)
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.to = h.to.WithGroup(name)
	return h
}

// sink is where lines go.
type sink struct {
	w io.Writer

	mu   sync.Mutex
	file *os.File // nil: none
}

func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		return s.file.Write(line)
	}
	return s.w.Write(line)
}

// open changes to the file with that path, or to the writer. A line is never between two files.
func (s *sink) open(path string) error {
	var next *os.File
	if path != "" {
		var err error
		if next, err = openFile(path); err != nil {
			return fmt.Errorf("open the log file: %w", err)
		}
	}
	s.mu.Lock()
	before := s.file
	s.file = next
	s.mu.Unlock()
	if before != nil {
		before.Close() // nothing of it was held back
	}
	return nil
}

// openFile opens a file to append to it. Addresses are in it, so it is for its owner alone. What is
// there and is no file is refused: to open a pipe would wait for who reads it.
func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}
