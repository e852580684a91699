package mailstore_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// The kernel tells a parent of each system call that a process is about to make and that syncs,
// cuts, renames or removes a file, and holds the thread until the parent answers:
// seccomp_unotify(2). The numbers are of linux/amd64.

const (
	sysMsync     = 26
	sysFsync     = 74
	sysFdatasync = 75
	sysFtruncate = 77
	sysRename    = 82
	sysUnlink    = 87
	sysUnlinkat  = 263
	sysRenameat  = 264
	sysSeccomp   = 317

	seccompRecv = 0xc0502100
	seccompSend = 0xc0182101
)

// stop is struct seccomp_notif.
type stop struct {
	id    uint64
	tid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// same tells whether a call is told of a second time: a signal interrupted it, and the kernel made
// it again.
func (s *stop) same(o *stop) bool {
	return o != nil && s.tid == o.tid && s.nr == o.nr && s.args == o.args
}

// hold has this process held at each such call, and sends the file to hear of them over the socket.
func hold(socket int) error {
	type filter struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	calls := []uint32{sysMsync, sysFsync, sysFdatasync, sysFtruncate, sysRename, sysUnlink, sysUnlinkat, sysRenameat}
	program := []filter{{0x20, 0, 0, 0}} // load the number of the call
	for i, nr := range calls {
		program = append(program, filter{0x15, uint8(len(calls) - i), 0, nr}) // if it is this one, to the end
	}
	program = append(program, filter{0x06, 0, 0, 0x7fff0000}, filter{0x06, 0, 0, 0x7fc00000}) // allow; tell
	prog := struct {
		n uint16
		f *filter
	}{uint16(len(program)), &program[0]}
	if _, _, err := syscall.Syscall6(syscall.SYS_PRCTL, 38, 1, 0, 0, 0, 0); err != 0 { // PR_SET_NO_NEW_PRIVS
		return err
	}
	const tsyncListenerEsrch = 1<<0 | 1<<3 | 1<<4
	fd, _, err := syscall.Syscall(sysSeccomp, 1, tsyncListenerEsrch, uintptr(unsafe.Pointer(&prog)))
	if err != 0 {
		return err
	}
	return syscall.Sendmsg(socket, []byte{0}, syscall.UnixRights(int(fd)), nil, 0)
}

// heard receives what hold sends.
func heard(socket int) (int, error) {
	oob := make([]byte, 64)
	_, n, _, _, err := syscall.Recvmsg(socket, make([]byte, 1), oob, 0)
	if err != nil {
		return 0, err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return 0, fmt.Errorf("no file came: %w", err)
	}
	files, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return files[0], nil
}

var errGone = errors.New("the process is gone")

// next waits for a call.
func next(fd int) (*stop, error) {
	for {
		poll := struct {
			fd      int32
			events  int16
			revents int16
		}{int32(fd), 1, 0} // POLLIN
		if _, _, err := syscall.Syscall(syscall.SYS_POLL, uintptr(unsafe.Pointer(&poll)), 1, 100); err != 0 && err != syscall.EINTR {
			return nil, err
		}
		if poll.revents&0x10 != 0 { // POLLHUP
			return nil, errGone
		}
		if poll.revents&1 == 0 {
			continue
		}
		s := new(stop)
		switch _, _, err := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), seccompRecv, uintptr(unsafe.Pointer(s))); err {
		case 0:
			return s, nil
		case syscall.ENOENT, syscall.EINTR: // a signal took the thread away
		default:
			return nil, err
		}
	}
}

// goOn lets a call be made. If a signal interrupted it meanwhile, the kernel tells of it again.
func goOn(fd int, s *stop) error {
	answer := struct {
		id    uint64
		value int64
		err   int32
		flags uint32
	}{s.id, 0, 0, 1} // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	if _, _, err := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), seccompSend, uintptr(unsafe.Pointer(&answer))); err != 0 && err != syscall.ENOENT {
		return err
	}
	return nil
}

// freeze stops all threads of a child, and returns when they stand.
func freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case status.Stopped():
			return nil
		default:
			return fmt.Errorf("it ended: %v", status)
		}
	}
}

// synced names the file that a call is about to sync, "" if it syncs none.
func (s *stop) synced(pid int) (string, error) {
	switch s.nr {
	case sysFsync, sysFdatasync:
		return os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, s.args[0]))
	case sysMsync:
		return mapped(pid, s.args[0])
	}
	return "", nil
}

// mapped names the file that is mapped at an address.
func mapped(pid int, address uint64) (string, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uint64
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to); n != 2 || address < from || address >= to {
			continue
		}
		_, name, _ := strings.Cut(lines.Text(), "/")
		return "/" + name, nil
	}
	return "", fmt.Errorf("nothing is mapped at %x", address)
}
