package dns01

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/smtpgw/filter"
)

// maxOutput is how much a program may put out, in octets.
const maxOutput = 64 << 10

// command is a program that changes the DNS.
type command struct{ argv []string }

// ByCommand returns a Publisher that runs a program, argv, with "present NAME VALUE" behind its
// arguments and afterwards with "cleanup NAME VALUE". Resolvers are host:port, the first one first.
func ByCommand(argv, resolvers []string) *Publisher {
	return newPublisher(command{argv}, resolvers)
}

func (c command) present(ctx context.Context, name, value string) (func(context.Context) error, error) {
	// Of one that failed, or was killed, nobody knows what it did before.
	remove := func(ctx context.Context) error { return c.run(ctx, removeTime, "cleanup", name, value) }
	return remove, c.run(ctx, presentTime, "present", name, value)
}

// run runs the program once.
func (c command) run(ctx context.Context, within time.Duration, what, name, value string) error {
	argv := append(append([]string{}, c.argv...), what, name, value)
	out, err := filter.Execute(ctx, argv, nil, nil, within, maxOutput)
	return told(c.argv[0], what, out, err)
}

// told says of whom an error is, and what the program wrote.
func told(program, what string, out []byte, err error) error {
	if err == nil {
		return nil
	}
	if failed, ok := errors.AsType[*filter.Failure](err); ok && failed.Says == "" {
		failed.Says = filter.FirstLine(out)
	}
	return fmt.Errorf("%s %s: %w", program, what, err)
}
