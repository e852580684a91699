package node

import (
	"bytes"
	"context"
	"errors"
	"os/exec"

	"cairn/node/doctor"
)

// maxPostconf bounds what is read of one command, in octets.
const maxPostconf = 1 << 20

// examineMilter asks the Postfix of this machine how it is set up.
func examineMilter(ctx context.Context, c *Config) *doctor.Milter {
	m := &doctor.Milter{
		Listen: c.Milter.Listen, MailServer: c.Milter.MailServer, MaxSize: c.MaxMessageSize(),
		Via: c.Milter.MailServer != "" && c.Outbound.Via == c.Milter.MailServer,
	}
	path, err := exec.LookPath("postconf")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/postconf")
	}
	if err != nil {
		m.Fault = "the command postconf is not on this machine, so the mail server is another one, or elsewhere"
		return m
	}
	var said [3]string
	for i, args := range [][]string{append([]string{"-x"}, doctor.PostfixSettings...), {"-M"}, {"-Px"}} {
		if said[i], err = postconf(ctx, path, args...); err != nil {
			m.Fault = "postconf does not say how Postfix is set up: " + err.Error()
			return m
		}
	}
	m.Postfix = doctor.ParsePostfix(said[0], said[1], said[2])
	return m
}

func postconf(ctx context.Context, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	out := &bounded{most: maxPostconf}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return "", err
	}
	return out.String(), nil
}

// bounded takes so many octets and no more.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errors.New("it says too much")
	}
	return b.Buffer.Write(p)
}
