package smtpgw

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// accept hands a command line over to go-smtp, after noting what it will do
// to the stream and mending what go-smtp does not know.
func (w *wire) accept(line []byte) {
	verb, arg := splitCommand(line)
	w.verb = ""
	if _, known := commands[verb]; known {
		w.verb = verb
	}
	if fault := faultOf(verb, arg, w.dsn, w.takesRequireTLS()); fault != "" {
		w.answer(fault)
		return
	}
	switch {
	case verb == "STARTTLS":
		w.acceptStartTLS(arg)
		return
	case verb == "AUTH":
		w.acceptAuth(arg)
		return
	case w.secrecy.on && !w.greeted && needsGreeting(verb):
		const first = "503 5.5.1 send EHLO first; what was said in clear counts no longer (RFC 3207, section 4.2)"
		if verb == "BDAT" { // its chunk follows
			w.dismiss(first + "; closing")
		} else {
			w.answer(first)
		}
		return
	}
	// It stays valid until the next read, which comes after it was taken.
	line = append(bytes.TrimRight(line, " \t\r\n"), "\r\n"...)
	w.out = line
	switch w.verb {
	case "EHLO":
		w.esmtp = true
	case "HELO":
		w.esmtp = false
	case "RCPT":
		w.out = withoutOriginal(completePostmaster(line, w.domain))
	case "MAIL":
		w.out = boundSize(line)
	case "BDAT":
		w.acceptChunk(line)
	}
}

// acceptChunk is accept for BDAT. The octets that were announced follow it in
// any case (RFC 3030, section 2), so that none of them is ever read as a
// command: where it is not known how many they are, or they are far too many,
// the session ends.
func (w *wire) acceptChunk(line []byte) {
	size, wellFormed, err := chunkSize(line)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && size > uint64(2*w.limits.MessageBytes):
		// go-smtp would read it all to throw it away.
		w.out = nil
		w.dismiss(fmt.Sprintf("552 5.3.4 chunk exceeds the limit of %d octets by far; closing", w.limits.MessageBytes))
	case err != nil:
		w.out = nil
		w.dismiss("501 5.5.4 BDAT needs the size of its chunk (RFC 3030, section 2); closing")
	case !wellFormed:
		// As after any chunk that go-smtp refuses, the transaction is over.
		w.out, w.skip = []byte("RSET\r\n"), int64(size)
		w.instead = "501 5.5.4 behind the size of a chunk stands LAST or nothing (RFC 3030, section 2)"
	default:
		w.chunk = int64(size)
		w.await(true)
	}
}

// chunkSize returns how many octets follow a BDAT command, and whether go-smtp
// finds the rest of it well-formed.
func chunkSize(line []byte) (size uint64, wellFormed bool, err error) {
	args := strings.Fields(string(line[4:]))
	if len(args) == 0 {
		return 0, false, strconv.ErrSyntax
	}
	size, err = strconv.ParseUint(args[0], 10, 64)
	return size, size <= math.MaxUint32 && (len(args) == 1 || len(args) == 2 && strings.EqualFold(args[1], "LAST")), err
}

// completePostmaster adds our domain to a bare <postmaster>, which RFC 5321,
// section 4.5.1 asks for and go-smtp takes for malformed.
func completePostmaster(line []byte, domain string) []byte {
	const bare = "<postmaster>"
	i := bytes.IndexByte(line, '<')
	if i < 0 || len(line) < i+len(bare) || !bytes.EqualFold(line[i:i+len(bare)], []byte(bare)) {
		return line
	}
	end := i + len(bare) - 1
	return bytes.Join([][]byte{line[:end], []byte("@" + domain), line[end:]}, nil)
}

// withoutOriginal leaves an ORCPT out that has octets beyond ASCII in xtext, as Postfix writes
// those of addresses with UTF-8: it is malformed (RFC 3461, section 4; RFC 6533 has another form),
// and no reason to refuse a recipient.
func withoutOriginal(line []byte) []byte {
	const param = " ORCPT="
	from := bytes.LastIndexByte(line, '>') + 1
	i := indexParam(line[from:], param)
	if i < 0 {
		return line
	}
	start, value := from+i, line[from+i+len(param):]
	if end := bytes.IndexAny(value, " \r\n"); end >= 0 {
		value = value[:end]
	}
	for j := range value {
		if value[j] == '+' && j+1 < len(value) && (value[j+1] >= '8' && value[j+1] <= '9' || value[j+1] >= 'A' && value[j+1] <= 'F') {
			return slices.Concat(line[:start], line[start+len(param)+len(value):])
		}
	}
	return line
}

// indexParam is where an ASCII word is, in whatever case; -1: nowhere. In capitals other octets may
// be more or fewer, so that no place there is one in b.
func indexParam(b []byte, word string) int {
	for i := range len(b) - len(word) + 1 {
		if bytes.EqualFold(b[i:i+len(word)], []byte(word)) {
			return i
		}
	}
	return -1
}

// boundSize caps a SIZE parameter that does not fit into 32 bits, however many digits it has, which
// go-smtp takes for malformed instead of too large (RFC 1870, section 6.1).
func boundSize(line []byte) []byte {
	const param = " SIZE="
	from := bytes.LastIndexByte(line, '>') + 1
	i := indexParam(line[from:], param)
	if i < 0 {
		return line
	}
	digits := line[from+i+len(param):]
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if n < 10 {
		return line
	}
	if _, err := strconv.ParseUint(string(digits[:n]), 10, 32); err == nil {
		return line
	}
	return bytes.Join([][]byte{line[:from+i+len(param)], []byte("4294967295"), digits[n:]}, nil)
}
