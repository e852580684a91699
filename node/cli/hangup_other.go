//go:build !unix

package cli

import "context"

// hangups is nil where there is no SIGHUP.
func (a *app) hangups(context.Context, func()) <-chan struct{} { return nil }
