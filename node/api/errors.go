package api

import (
	"errors"
	"fmt"
	"net/http"

	"cairn/mailstore"
)

// Code says what kind of failure it was. It decides the exit code of the command line and the HTTP
// status.
type Code string

// Codes, with the exit code of the command line.
const (
	CodeInternal   Code = "internal"    // 1: our fault
	CodeInvalid    Code = "invalid"     // 1: the request, query or message cannot be accepted as it is
	CodeNotFound   Code = "not-found"   // 1: no such account, message, block, organisation
	CodeExists     Code = "exists"      // 1: there already, and never overwritten
	CodeUnchanged  Code = "unchanged"   // 1: nothing was to be changed, or somebody who was asked said no
	CodeTooLarge   Code = "too-large"   // 1: over a size limit
	CodeUsage      Code = "usage"       // 2: the command line cannot be understood
	CodeNoRecord   Code = "no-record"   // 3: no record where one was asked for
	CodeNotRunning Code = "not-running" // 6: no node answers in this directory
	CodeNotAllowed Code = "not-allowed" // 7: refused by policy or permissions
	CodeTryLater   Code = "try-later"   // 75 (EX_TEMPFAIL): may work when tried again

	CodeInterrupted Code = "interrupted" // 130: by a signal, as with Ctrl-C
)

// Error is a failure that its reader can act on.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`        // "what failed: cause", one line
	Hint    string `json:"hint,omitempty"` // the next command to try, or what to change

	answered bool // the node itself said so
}

// Refused reports whether the node itself answered that it does not do what it was asked, for a
// reason which it knows. Of any other error a Client does not know whether the node has done it.
func (e *Error) Refused() bool { return e.answered && e.Code != CodeInternal }

// Errorf makes an Error; the hint may be empty.
func Errorf(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// Error gives the message without the hint.
func (e *Error) Error() string { return e.Message }

// ExitCode is the exit status of a command that failed with this error.
func (e *Error) ExitCode() int {
	switch e.Code {
	case CodeUsage:
		return 2
	case CodeNoRecord:
		return 3
	case CodeNotRunning:
		return 6
	case CodeNotAllowed:
		return 7
	case CodeTryLater:
		return 75
	case CodeInterrupted:
		return 130
	}
	return 1
}

func (e *Error) httpStatus() int {
	switch e.Code {
	case CodeInvalid, CodeUsage:
		return http.StatusBadRequest
	case CodeNotFound, CodeNoRecord:
		return http.StatusNotFound
	case CodeExists, CodeUnchanged:
		return http.StatusConflict
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeNotAllowed:
		return http.StatusForbidden
	case CodeTryLater, CodeNotRunning, CodeInterrupted:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// MakeRoom is what helps where mailstore.ErrDiskFull is why something was not done.
const MakeRoom = "make room on that disk, then try again"

// AsError returns the *Error in err's chain, or err's text: as CodeInternal, but where the disk is
// full. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, mailstore.ErrDiskFull) {
		return &Error{Code: CodeTryLater, Message: err.Error(), Hint: MakeRoom}
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}
