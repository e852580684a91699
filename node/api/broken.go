package api

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"syscall"
)

// lookHints are, for the methods that change something, where it is seen whether it was done.
var lookHints = map[string]string{
	pathSend:             "cairn search label:sent",
	pathPutQuery:         "cairn query ls ACCOUNT",
	pathRemoveQuery:      "cairn query ls ACCOUNT",
	pathSetLabels:        "cairn label ls",
	pathRelabel:          "cairn label ls",
	pathAddAccount:       "cairn account ls",
	pathSetAccount:       "cairn account ls",
	pathAddAddress:       "cairn account ls",
	pathSetPassword:      "cairn account ls",
	pathAddApp:           "cairn account ls",
	pathRemoveApp:        "cairn account ls",
	pathRemoveAddress:    "cairn account ls",
	pathAddForward:       "cairn account forward ls ACCOUNT",
	pathRemoveForward:    "cairn account forward ls ACCOUNT",
	pathRemoveAccount:    "cairn account ls",
	pathAddForwarders:    "cairn list ls",
	pathRemoveForwarders: "cairn list ls",
	pathPutHostedList:    "cairn list host ls",
	pathRemoveHostedList: "cairn list host ls",
	pathJoin:             "cairn list host ls",
	pathLeave:            "cairn list host ls",
	pathTrust:            "cairn org pins",
	pathUntrust:          "cairn org pins",
	pathTransport:        "cairn org transport --help",
	pathProposeEvent:     "cairn org changes",
	pathAdmitNode:        "cairn org changes",
	pathAttest:           "cairn org attest ls",
	pathStays:            "cairn status",
	pathConnect:          "cairn peers ls",
	pathRetryQueue:       "cairn queue ls",
	pathHoldQueue:        "cairn queue ls",
	pathReleaseQueue:     "cairn queue ls",
	pathDropQueue:        "cairn queue ls",
	pathSuppress:         "cairn queue suppressed ls",
	pathUnsuppress:       "cairn queue suppressed ls",
	pathForgive:          "cairn limits ls",
	pathRollTLS:          "cairn tls ls",
	pathCancelRollTLS:    "cairn tls ls",
	pathRotateDKIM:       "cairn dkim ls",
	pathReplaceDKIM:      "cairn dkim ls",
}

// transportError is the failure of a request to path of which the node has not said itself what
// became of it.
func (c *Client) transportError(path string, err error) *Error {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return Errorf(CodeInvalid, "name a node's directory with --dir", "asking the node: %s is not a directory", c.dir)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EINVAL):
		return Errorf(CodeNotRunning, "cairn run", "asking the node: none is running in %s", c.dir)
	case errors.Is(err, os.ErrPermission):
		return Errorf(CodeNotAllowed, "run the command as the user that runs the node", "asking the node: %s belongs to another user", c.dir)
	case errors.Is(err, context.Canceled):
		return unanswered(path, Errorf(CodeInterrupted, "run the same command again", "asking the node: interrupted"))
	case errors.Is(err, context.DeadlineExceeded):
		return unanswered(path, Errorf(CodeTryLater, "try again", "asking the node: no answer in time"))
	}
	return unanswered(path, Errorf(CodeTryLater, "cairn status", "asking the node: the connection broke%s", whyBroken(err)))
}

// unanswered adds to the failure of a request that changes something that it may have been done.
func unanswered(path string, e *Error) *Error {
	look, changes := lookHints[path]
	if !changes {
		return e
	}
	e.Message += "; what was asked may or may not have been done"
	e.Hint = "start the node if it does not run, and repeat the command unless this shows that it was done: " + look
	return e
}

// whyBroken is why a connection broke, for people, without the URL: nothing if the node just went.
func whyBroken(err error) string {
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err
	}
	for _, gone := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, gone) {
			return ""
		}
	}
	return ": " + err.Error()
}
