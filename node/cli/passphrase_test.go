//go:build linux

package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"cairn/mailstore/testenv"
)

// terminal opens a terminal: what a person sees and types, and what a program has as its standard
// input.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		testenv.Lacking(t, "there are no terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	var locked, number int32
	for request, argument := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(argument))); errno != 0 {
			t.Fatal(errno)
		}
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// prompted is a terminal's output on which somebody types an answer to each prompt, once the
// terminal no longer shows it.
type prompted struct {
	t       *testing.T
	program uintptr // its descriptor
	person  *os.File
	answers []string
	seen    bytes.Buffer
}

func (p *prompted) Write(b []byte) (int, error) {
	p.seen.Write(b)
	if strings.HasSuffix(string(b), ": ") && len(p.answers) > 0 {
		answer := p.answers[0]
		p.answers = p.answers[1:]
		go func() {
			for shows(p.t, p.program) { // it is switched off right behind the prompt
			}
			p.person.WriteString(answer + "\n")
		}()
	}
	return len(b), nil
}

// shows tells whether the terminal shows what is typed.
func shows(t *testing.T, fd uintptr) bool {
	var state syscall.Termios
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&state))); errno != 0 {
		t.Error(errno)
		return false
	}
	return state.Lflag&syscall.ECHO != 0
}

func TestPassphraseIsNotShown(t *testing.T) {
	for _, tt := range []struct {
		answers []string
		says    string
	}{
		{[]string{"correct horse", "correct horse"}, ""},
		{[]string{"correct horse", "correct house"}, "the two passphrases are not the same"},
		{[]string{""}, "the passphrase is empty"},
	} {
		person, program := terminal(t)
		screen := &prompted{t: t, program: program.Fd(), person: person, answers: tt.answers}
		a := &app{in: program, err: screen}
		secret, err := a.newPassphrase(t.Context(), newBackup{encrypt: true})
		if tt.says == "" && (err != nil || secret != "correct horse") || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%q: %q, %v", tt.answers, secret, err)
		}
		if !shows(t, program.Fd()) {
			t.Error("the terminal shows nothing any more")
		}
		program.Close()
		echo := make([]byte, 100)
		n, _ := person.Read(echo) // all that it showed
		if strings.Contains(string(echo[:n])+screen.seen.String(), "horse") {
			t.Errorf("shown: %q %q", echo[:n], screen.seen.String())
		}
	}
}

// Who presses Ctrl-C at the prompt has a terminal that shows what is typed.
func TestInterruptedAtThePassphrase(t *testing.T) {
	_, program := terminal(t)
	fd := program.Fd()
	ctx, interrupt := context.WithCancel(t.Context())
	a := &app{in: program, err: &bytes.Buffer{}}
	go func() {
		for shows(t, fd) {
		}
		interrupt()
	}()
	_, err := a.askSecret(ctx, passphrase, "Passphrase: ")
	if e := explain(err); e.ExitCode() != 130 || e.Message != "asking for the passphrase: interrupted" {
		t.Errorf("%d: %v", e.ExitCode(), err)
	}
	if !shows(t, fd) {
		t.Error("the terminal shows nothing any more")
	}
}
