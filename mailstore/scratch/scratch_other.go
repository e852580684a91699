//go:build !linux

package scratch

import "errors"

func fit(string) bool { return false }

func lock(string) (free func(), err error) { return nil, errors.ErrUnsupported }
