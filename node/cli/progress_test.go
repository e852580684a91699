package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestSyncBar(t *testing.T) {
	var errs bytes.Buffer
	a := &app{err: &errs}
	var bar syncBar
	bar.update(a, 10, 10)
	if errs.Len() > 0 {
		t.Errorf("a bar without need: %q", errs.String())
	}
	bar.update(a, 10, 110)
	bar.update(a, 60, 110)
	bar.update(a, 60, 210) // the network went on
	if !strings.Contains(errs.String(), "50/100") || !strings.Contains(errs.String(), "50/200") {
		t.Errorf("drew %q", errs.String())
	}
	bar.update(a, 5, 210) // a reorganisation below where it began
	if bar.bar != nil {
		t.Error("the bar goes on below its beginning")
	}
	bar.update(a, 6, 210)
	bar.update(a, 210, 210)
	if bar.bar != nil {
		t.Error("the bar goes on after the end")
	}
	bar.finish()
}

func TestProgressIsForPeopleOnly(t *testing.T) {
	a := &app{err: new(bytes.Buffer)}
	progress, done := a.stampProgress()
	if progress != nil {
		t.Error("progress is drawn where nobody looks")
	}
	done()
	seen, done := a.octetProgress("writing", 100)
	if seen != io.Discard {
		t.Error("progress of octets is drawn where nobody looks")
	}
	done()
}
