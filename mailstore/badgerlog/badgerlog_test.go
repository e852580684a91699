package badgerlog_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/badgerlog"
)

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: untimed}))
	var l badger.Logger = badgerlog.New(log, "mail")
	l.Errorf("while %s\n", "writing")
	l.Errorf("Unable to read: Key: %v, Version : %v", 1, 2)
	l.Warningf("slow")
	l.Infof("opened %d tables", 7)
	l.Debugf("compacted")
	const want = `level=ERROR msg="database: while writing" part=badger store=mail
level=DEBUG msg="database: Unable to read: Key: 1, Version : 2" part=badger store=mail
level=WARN msg="database: slow" part=badger store=mail
level=DEBUG msg="database: opened 7 tables" part=badger store=mail
level=DEBUG msg="database: compacted" part=badger store=mail
`
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
}

func TestQuiet(t *testing.T) {
	var out bytes.Buffer
	l := badgerlog.New(slog.New(slog.NewTextHandler(&out, nil)), "chain")
	l.Infof("%s", formatted{t})
	if out.Len() > 0 {
		t.Errorf("got %s", &out)
	}
}

// formatted must not be written into lines that nobody gets.
type formatted struct{ t *testing.T }

func (f formatted) String() string {
	f.t.Error("a line was made that is not told")
	return ""
}
