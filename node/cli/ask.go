package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

// ask asks the running node and prints its answer: as JSON, or through human for people.
func ask[A api.View](a *app, c *cobra.Command, call func(*api.Client, context.Context) (A, error), human func(*bytes.Buffer, A)) error {
	client := a.client()
	defer client.Close()
	answer, err := call(client, c.Context())
	if err != nil {
		return err
	}
	return a.print(answer, func(b *bytes.Buffer) { human(b, answer) })
}

// about is a call with its request.
func about[Q, A any](call func(*api.Client, context.Context, Q) (A, error), request Q) func(*api.Client, context.Context) (A, error) {
	return func(client *api.Client, ctx context.Context) (A, error) { return call(client, ctx, request) }
}
