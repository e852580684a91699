package node

import "errors"

// ErrNotInitialised: the directory holds no node yet.
var ErrNotInitialised = errors.New("it has no " + ConfigFile)
