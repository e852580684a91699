package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"time"
)

// SocketFile is the name of the socket in a node's directory.
const SocketFile = "cairn.sock"

// Limits on the bodies of requests, in bytes.
const (
	maxRequest    = 1 << 20   // of plain requests
	maxRawRequest = 192 << 20 // of those that carry a message: 128 MiB in base64, and its envelope
)

// maxSocketPath is what the kernel's sockaddr_un holds on the systems we run on, less the final
// NUL.
const maxSocketPath = 103

// Listen opens the socket in a node's directory, for the owner alone, in place of one that a killed
// node left behind. Only the node that holds the directory's stores may call it.
func Listen(dir string) (*net.UnixListener, error) {
	path := filepath.Join(dir, SocketFile)
	if len(path) > maxSocketPath {
		return nil, Errorf(CodeInvalid, "use a directory with a shorter name",
			"opening the node's socket: %s is longer than the %d bytes a socket's name may have", path, maxSocketPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, Errorf(CodeInternal, "remove "+path, "opening the node's socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, Errorf(CodeInternal, "check that "+dir+" can be written to", "opening the node's socket: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, Errorf(CodeInternal, "check that "+dir+" can be written to", "opening the node's socket: %v", err)
	}
	return l, nil
}

// Serve answers on l until ctx is done, then lets running requests end for up to five seconds. It
// closes l, and returns nil after a shutdown that ctx asked for.
func Serve(ctx context.Context, l net.Listener, b Backend, log *slog.Logger) error {
	s := &http.Server{
		Handler:           handler(b),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if s.Shutdown(grace) != nil {
		s.Close()
	}
	<-failed
	return nil
}

// Paths of the methods.
const (
	pathStatus           = "/1/status"
	pathSend             = "/1/mail/send"
	pathSearch           = "/1/mail/search"
	pathMessage          = "/1/mail/message"
	pathRaw              = "/1/mail/raw"
	pathVerify           = "/1/mail/verify"
	pathLabels           = "/1/mail/labels"
	pathQueries          = "/1/mail/queries"
	pathPutQuery         = "/1/mail/put-query"
	pathRemoveQuery      = "/1/mail/remove-query"
	pathSetLabels        = "/1/mail/set-labels"
	pathRelabel          = "/1/mail/relabel"
	pathAccounts         = "/1/account/list"
	pathAddAccount       = "/1/account/add"
	pathSetAccount       = "/1/account/set"
	pathSetPassword      = "/1/account/set-password"
	pathAddApp           = "/1/account/add-app"
	pathRemoveApp        = "/1/account/remove-app"
	pathAddAddress       = "/1/account/add-address"
	pathRemoveAddress    = "/1/account/remove-address"
	pathForwards         = "/1/account/forwards"
	pathAddForward       = "/1/account/add-forward"
	pathRemoveForward    = "/1/account/remove-forward"
	pathRemoveAccount    = "/1/account/remove"
	pathForwarders       = "/1/list/forwarders"
	pathAddForwarders    = "/1/list/add-forwarders"
	pathRemoveForwarders = "/1/list/remove-forwarders"
	pathHostedLists      = "/1/list/hosted"
	pathPutHostedList    = "/1/list/put-hosted"
	pathRemoveHostedList = "/1/list/remove-hosted"
	pathMembers          = "/1/list/members"
	pathJoin             = "/1/list/join"
	pathLeave            = "/1/list/leave"
	pathChainStatus      = "/1/chain/status"
	pathBlock            = "/1/chain/block"
	pathOrgs             = "/1/org/list"
	pathInvite           = "/1/org/invite"
	pathClaims           = "/1/org/claims"
	pathTrust            = "/1/org/trust"
	pathUntrust          = "/1/org/untrust"
	pathPins             = "/1/org/pins"
	pathTransport        = "/1/org/transport"
	pathOrgStanding      = "/1/org/standing"
	pathProposeEvent     = "/1/org/propose"
	pathOrgNodes         = "/1/org/nodes"
	pathAdmitNode        = "/1/org/admit-node"
	pathOrgChanges       = "/1/org/changes"
	pathApplications     = "/1/org/applications"
	pathAttest           = "/1/org/attest"
	pathStays            = "/1/node/stays"
	pathPeers            = "/1/peer/list"
	pathConnect          = "/1/peer/connect"
	pathQueue            = "/1/queue/list"
	pathQueueEntry       = "/1/queue/entry"
	pathRetryQueue       = "/1/queue/retry"
	pathHoldQueue        = "/1/queue/hold"
	pathReleaseQueue     = "/1/queue/release"
	pathDropQueue        = "/1/queue/drop"
	pathReports          = "/1/reports/list"
	pathReport           = "/1/reports/one"
	pathSentReports      = "/1/reports/sent"
	pathSuppressed       = "/1/queue/suppressed"
	pathSuppress         = "/1/queue/suppress"
	pathUnsuppress       = "/1/queue/unsuppress"
	pathLimits           = "/1/limits/list"
	pathForgive          = "/1/limits/forgive"
	pathTLS              = "/1/tls/list"
	pathRollTLS          = "/1/tls/roll"
	pathCancelRollTLS    = "/1/tls/cancel"
	pathDKIM             = "/1/dkim/list"
	pathRotateDKIM       = "/1/dkim/rotate"
	pathReplaceDKIM      = "/1/dkim/replace"
	pathDoctor           = "/1/node/doctor"
	pathBackup           = "/1/backup/create"
)

// selector is the request of methods that take one string or none.
type selector struct {
	Name string `json:"name,omitempty"`
}

func handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	handle(mux, pathStatus, maxRequest, func(ctx context.Context, _ selector) (*Status, error) { return b.Status(ctx) })
	handleRaw(mux, b, pathSend, b.Send)
	handle(mux, pathSearch, maxRequest, b.Search)
	handle(mux, pathMessage, maxRequest, byName(b.Message))
	handle(mux, pathRaw, maxRequest, byName(b.Raw))
	handleRaw(mux, b, pathVerify, b.Verify)
	handle(mux, pathLabels, maxRequest, byName(b.Labels))
	handle(mux, pathQueries, maxRequest, b.Queries)
	handle(mux, pathPutQuery, maxRequest, b.PutQuery)
	handle(mux, pathRemoveQuery, maxRequest, b.RemoveQuery)
	handle(mux, pathSetLabels, maxRequest, b.SetLabels)
	handle(mux, pathRelabel, maxRequest, b.Relabel)
	handle(mux, pathAccounts, maxRequest, func(ctx context.Context, _ selector) (*AccountList, error) { return b.Accounts(ctx) })
	handle(mux, pathAddAccount, maxRequest, b.AddAccount)
	handle(mux, pathSetAccount, maxRequest, b.SetAccount)
	handle(mux, pathSetPassword, maxRequest, b.SetPassword)
	handle(mux, pathAddApp, maxRequest, b.AddApp)
	handle(mux, pathRemoveApp, maxRequest, b.RemoveApp)
	handle(mux, pathAddAddress, maxRequest, b.AddAddress)
	handle(mux, pathRemoveAddress, maxRequest, b.RemoveAddress)
	handle(mux, pathForwards, maxRequest, byName(b.Forwards))
	handle(mux, pathAddForward, maxRequest, b.AddForward)
	handle(mux, pathRemoveForward, maxRequest, b.RemoveForward)
	handle(mux, pathRemoveAccount, maxRequest, byName(b.RemoveAccount))
	handle(mux, pathForwarders, maxRequest, byName(b.Forwarders))
	handle(mux, pathAddForwarders, maxRequest, b.AddForwarders)
	handle(mux, pathRemoveForwarders, maxRequest, b.RemoveForwarders)
	handle(mux, pathHostedLists, maxRequest, func(ctx context.Context, _ selector) (*HostedLists, error) { return b.HostedLists(ctx) })
	handle(mux, pathPutHostedList, maxRequest, b.PutHostedList)
	handle(mux, pathRemoveHostedList, maxRequest, byName(b.RemoveHostedList))
	handle(mux, pathMembers, maxRequest, byName(b.Members))
	handle(mux, pathJoin, maxRequest, b.Join)
	handle(mux, pathLeave, maxRequest, b.Leave)
	handle(mux, pathChainStatus, maxRequest, func(ctx context.Context, _ selector) (*ChainStatus, error) { return b.ChainStatus(ctx) })
	handle(mux, pathBlock, maxRequest, byName(b.Block))
	handle(mux, pathOrgs, maxRequest, byName(b.Orgs))
	handle(mux, pathInvite, maxRequest, func(ctx context.Context, _ selector) (*Invite, error) { return b.Invite(ctx) })
	handle(mux, pathClaims, maxRequest, byName(b.Claims))
	handle(mux, pathTrust, maxRequest, b.Trust)
	handle(mux, pathUntrust, maxRequest, byName(b.Untrust))
	handle(mux, pathTransport, maxRequest, b.Transport)
	handle(mux, pathPins, maxRequest, func(ctx context.Context, _ selector) (*PinList, error) { return b.Pins(ctx) })
	handle(mux, pathOrgStanding, maxRequest, func(ctx context.Context, _ selector) (*OrgStanding, error) { return b.OrgStanding(ctx) })
	handle(mux, pathProposeEvent, maxRequest, b.ProposeEvent)
	handle(mux, pathOrgNodes, maxRequest, func(ctx context.Context, _ selector) (*OrgNodeList, error) { return b.OrgNodes(ctx) })
	handle(mux, pathAdmitNode, maxRequest, b.AdmitNode)
	handle(mux, pathOrgChanges, maxRequest, byName(b.OrgChanges))
	handle(mux, pathApplications, maxRequest, func(ctx context.Context, _ selector) (*Applications, error) { return b.Applications(ctx) })
	handle(mux, pathAttest, maxRequest, b.Attest)
	handle(mux, pathStays, maxRequest, func(ctx context.Context, _ selector) (*Stays, error) { return b.Stays(ctx) })
	handle(mux, pathPeers, maxRequest, func(ctx context.Context, _ selector) (*PeerList, error) { return b.Peers(ctx) })
	handle(mux, pathConnect, maxRequest, byName(b.Connect))
	handle(mux, pathQueue, maxRequest, b.ListQueue)
	handle(mux, pathQueueEntry, maxRequest, b.QueueEntry)
	handle(mux, pathRetryQueue, maxRequest, b.RetryQueue)
	handle(mux, pathHoldQueue, maxRequest, b.HoldQueue)
	handle(mux, pathReleaseQueue, maxRequest, b.ReleaseQueue)
	handle(mux, pathDropQueue, maxRequest, b.DropQueue)
	handle(mux, pathSuppressed, maxRequest, byName(b.ListSuppressed))
	handle(mux, pathSuppress, maxRequest, b.Suppress)
	handle(mux, pathUnsuppress, maxRequest, b.Unsuppress)
	handle(mux, pathReports, maxRequest, byName(b.ListReports))
	handle(mux, pathReport, maxRequest, b.Report)
	handle(mux, pathSentReports, maxRequest, byName(b.ListSentReports))
	handle(mux, pathLimits, maxRequest, func(ctx context.Context, _ selector) (*LimitList, error) { return b.Limits(ctx) })
	handle(mux, pathForgive, maxRequest, b.Forgive)
	handle(mux, pathTLS, maxRequest, byName(b.TLSKeys))
	handle(mux, pathRollTLS, maxRequest, byName(b.RollTLS))
	handle(mux, pathCancelRollTLS, maxRequest, byName(b.CancelRollTLS))
	handle(mux, pathDKIM, maxRequest, byName(b.DKIM))
	handle(mux, pathRotateDKIM, maxRequest, byName(b.RotateDKIM))
	handle(mux, pathReplaceDKIM, maxRequest, byName(b.ReplaceDKIM))
	handle(mux, pathDoctor, maxRequest, b.Doctor)
	handleStream(mux, pathBackup, b.Backup)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, Errorf(CodeNotFound, "use the cairn command of the same version as the node", "no method %s %s", r.Method, r.URL.Path))
	})
	return mux
}

func byName[A any](call func(context.Context, string) (A, error)) func(context.Context, selector) (A, error) {
	return func(ctx context.Context, s selector) (A, error) { return call(ctx, s.Name) }
}

// View is a pointer to a struct that embeds Document.
type View interface{ setVersion() }

func handle[Q any, A View](mux *http.ServeMux, path string, limit int64, call func(context.Context, Q) (A, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		request, err := readRequest[Q](w, r, limit)
		if err != nil {
			writeError(w, AsError(err))
			return
		}
		a, err := call(r.Context(), request)
		if err != nil {
			writeError(w, AsError(err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		Encode(w, a) // a failure to write is the caller's going away
	})
}

// handleRaw is handle for requests that carry a message: each is read once there is memory for it,
// where b is a Holder.
func handleRaw[Q any, A View](mux *http.ServeMux, b Backend, path string, call func(context.Context, Q) (A, error)) {
	holder, ok := b.(Holder)
	if !ok {
		handle(mux, path, maxRawRequest, call)
		return
	}
	inner := http.NewServeMux()
	handle(inner, path, maxRawRequest, call)
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		size := r.ContentLength
		if size < 0 || size > maxRawRequest { // not said, or refused when it has come
			size = maxRawRequest
		}
		release, err := holder.Hold(r.Context(), size)
		if err != nil {
			writeError(w, AsError(err))
			return
		}
		defer release()
		inner.ServeHTTP(w, r)
	})
}

// readRequest reads the one document of a request.
func readRequest[Q any](w http.ResponseWriter, r *http.Request, limit int64) (request Q, err error) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	d.DisallowUnknownFields()
	if err = d.Decode(&request); err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("more than one document")
		}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return request, Errorf(CodeTooLarge, "send less at once", "request over %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return request, Errorf(CodeInvalid, "use the cairn command of the same version as the node", "reading the request: %v", err)
	}
	return request, nil
}

// Failure is the answer to a request that failed.
type Failure struct {
	Document
	Error *Error `json:"error"`
}

func writeError(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.httpStatus())
	Encode(w, &Failure{Error: e})
}

// Encode writes one document with its version, as the node and the command line print it. A list
// with nothing in it is written as [], never as null.
func Encode(w io.Writer, doc View) error {
	doc.setVersion()
	fillLists(reflect.ValueOf(doc).Elem())
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// fillLists puts an empty list in place of each nil one in v, which can be set.
func fillLists(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fillLists(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fillLists(f)
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		switch v.Type().Elem().Kind() {
		case reflect.Struct, reflect.Pointer, reflect.Slice:
		default:
			return // no lists inside
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	}
}
