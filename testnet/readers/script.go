package readers

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

//go:embed adapters
var adapters embed.FS

// script is a reader that stays: it is handed mails over a pipe and answers each with a line.
type script struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer // what it wrote to standard error; read after its end only
}

// openScript starts one of the embedded scripts. The interpreter is given its text on the command
// line, so that no file is needed.
func openScript(name, interpreter string, args ...string) (Reader, error) {
	source, err := adapters.ReadFile("adapters/" + name)
	if err != nil {
		return nil, err
	}
	option := map[string][]string{
		"python3": {"-c"}, "perl": {"-e"}, "node": {"--input-type=module", "-e"},
	}[interpreter]
	all := append(append([]string{}, option...), string(source))
	if interpreter == "node" { // options end where the script's arguments begin
		all = append(all, "--")
	}
	s := &script{cmd: exec.Command(interpreter, append(all, args...)...)}
	s.cmd.Stderr = &s.errors
	s.cmd.Env = environment("HOME=/nonexistent") // they want none
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReaderSize(out, 1<<16)
	return s, s.cmd.Start()
}

// Read hands the mails over while it collects the answers.
func (s *script) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	defer context.AfterFunc(ctx, func() { s.cmd.Process.Kill() })()
	sent := make(chan error, 1)
	go func() { sent <- s.send(mails) }()
	shown := make([]Shown, len(mails))
	for i := range shown {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			s.in.Close()
			return nil, errors.Join(fmt.Errorf("%s ended before its answer: %w", s.cmd.Args[0],
				err), s.cmd.Wait(), ctx.Err(),
				errors.New(s.errors.String()))
		}
		if err := json.Unmarshal(line, &shown[i]); err != nil {
			return nil, fmt.Errorf("reading the answer of %s: %w", s.cmd.Args[0], err)
		}
	}
	return shown, <-sent
}

func (s *script) send(mails [][]byte) error {
	w := bufio.NewWriterSize(s.in, 1<<16)
	for _, m := range mails {
		fmt.Fprintf(w, "%d\n", len(m))
		w.Write(m)
	}
	return w.Flush()
}

func (s *script) Close() error {
	s.in.Close()
	s.cmd.Process.Kill() // it has nothing to put in order
	s.cmd.Wait()
	return nil
}
