package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// trailerFailure is sent behind a stream that could not be written to its end: an Error as JSON, as
// a quoted text in ASCII.
const trailerFailure = "Cairn-Failure"

// handleStream answers with octets instead of a document. A failure before the first of them is
// answered as usual.
func handleStream[Q any](mux *http.ServeMux, path string, call func(context.Context, Q, io.Writer) error) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		request, err := readRequest[Q](w, r, maxRequest)
		if err != nil {
			writeError(w, AsError(err))
			return
		}
		s := &stream{w: w}
		if err = call(r.Context(), request, s); err == nil {
			return
		}
		if !s.begun {
			writeError(w, AsError(err))
			return
		}
		if text, err := json.Marshal(AsError(err)); err == nil {
			w.Header().Set(trailerFailure, strconv.QuoteToASCII(string(text)))
		}
	})
}

// stream is an answer that begins with its first octet.
type stream struct {
	w     http.ResponseWriter
	begun bool
}

func (s *stream) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/octet-stream")
		s.w.Header().Set("Trailer", trailerFailure)
	}
	return s.w.Write(b)
}

// Backup writes a backup of the node to w. Errors of w are returned as they are.
func (c *Client) Backup(ctx context.Context, r BackupRequest, w io.Writer) error {
	resp, err := c.ask(ctx, pathBackup, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := &answering{r: resp.Body}
	if _, err := io.Copy(w, answer); err != nil {
		if answer.err != nil {
			return c.transportError(pathBackup, answer.err)
		}
		return err
	}
	text := resp.Trailer.Get(trailerFailure)
	if text == "" {
		return nil
	}
	failed := new(Error)
	if text, err = strconv.Unquote(text); err == nil {
		err = json.Unmarshal([]byte(text), failed)
	}
	if err != nil {
		return Errorf(CodeInternal, "look into the node's log", "asking the node: its answer ended with an error that cannot be read: %v", err)
	}
	return failed
}

// answering tells errors of reading an answer from those of writing it on.
type answering struct {
	r   io.Reader
	err error
}

func (a *answering) Read(b []byte) (int, error) {
	n, err := a.r.Read(b)
	if err != nil && err != io.EOF {
		a.err = err
	}
	return n, err
}
