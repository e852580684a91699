package node

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cairn/consensus/chain"
	"cairn/index"
	"cairn/mailstore"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/intact"
	"cairn/node/api"
	"cairn/node/home"
)

// openStores opens the three databases and the socket, unless an earlier round left it open. The
// mail store comes first: its lock is what keeps a second node out of the directory. A store that
// is damaged is refused before anything in it is changed.
func (n *Node) openStores(socket *net.UnixListener) (err error) {
	folder := func(name string) string {
		path := filepath.Join(n.dir, name)
		n.log.Info("opening a store", "folder", path)
		return path
	}
	if err := mailLost(n.dir); err != nil {
		return err
	}
	n.store, err = mailstore.Open(folder(home.MailDir), n.part("store"), ownership{n.dir, n.id, n.enrol}.guard)
	switch {
	case errors.Is(err, mailstore.ErrInUse):
		return api.Errorf(api.CodeExists, "cairn status", "starting the node: a node is already running in %s", n.dir)
	case err != nil:
		return unreadable(filepath.Join(n.dir, home.MailDir), err, "if the disk is well, restore a backup of this node into another directory")
	}
	if err := n.catchCrashes(); err != nil {
		return err
	}
	if n.listen.api = socket; socket != nil {
		err = socket.SetDeadline(time.Time{})
	} else {
		n.listen.api, err = api.Listen(n.dir)
	}
	if err != nil {
		return err
	}
	if n.index, err = index.Open(folder(home.IndexDir), n.store, n.part("index")); err != nil {
		return unreadable(filepath.Join(n.dir, home.IndexDir), err, "delete that folder: it is built anew from the mail")
	}
	return n.openChain(folder(home.ChainDir))
}

// mailLost is the error of a directory without mail store in which a node has been running. To
// begin with an empty store would be to refuse mail for the accounts that it had.
func mailLost(dir string) error {
	mail := filepath.Join(dir, home.MailDir)
	if empty, err := intact.Empty(mail); err == nil && !empty {
		return nil
	}
	const (
		gone = "%s is lost: nothing of a mail store is there, and %s says that the node had one"
		cure = "if it is on a disk of its own, mount that; else restore a backup of this node into another directory; to go on without any mail and account"
	)
	if head := filepath.Join(dir, home.MailHead); fileExists(head) {
		return api.Errorf(api.CodeNotFound, cure+": cairn check --repair", gone, mail, head)
	}
	chain, index := filepath.Join(dir, home.ChainDir), filepath.Join(dir, home.IndexDir)
	for _, made := range []string{chain, index} {
		if fileExists(made) {
			return api.Errorf(api.CodeNotFound, fmt.Sprintf("%s, move %s and %s away", cure, chain, index), gone, mail, made)
		}
	}
	return nil
}

// catchCrashes tells how the last run ended if that was by a fault, and prepares for one of this
// run.
func (n *Node) catchCrashes() error {
	if !n.crashes {
		return nil
	}
	before, stop, err := home.CatchCrashes(n.dir)
	n.stopCrashes = stop
	if before != nil {
		next := "tell who makes this program, with the trace"
		if before.Disk {
			next = "a file of a database may be damaged: see that the disk is well, stop the node, then: cairn check"
		}
		n.log.Error("the last run of this node ended by a fault that it could not contain", "what", before.What, "trace", before.File, "next", n.typable(next))
	}
	if err != nil { // no reason not to run
		n.log.Warn("how this run ends cannot be noted, should that be by a fault", "err", err)
	}
	return nil
}

// itsVersion is what helps where something is of a later version.
const itsVersion = "use the version of cairn that wrote it"

// foreignChain is the error of a chain that is not for this node.
func foreignChain(folder string, err *chain.ForeignError) *api.Error {
	cure := "put this node's own there"
	if err.Later {
		cure = itsVersion
	}
	return api.Errorf(api.CodeInvalid, cure+"; if another node has the chain, move "+folder+" away: it is fetched from the other nodes of the network",
		"opening %s: %v", folder, err)
}

// unreadable is the error of a store that does not open; cure is what helps if
// it is damaged.
func unreadable(folder string, err error, cure string) error {
	if said, ok := errors.AsType[*api.Error](err); ok { // of a guard
		return said
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("opening %s: %w", folder, err)
	case errors.Is(err, syscall.EMFILE):
		return api.Errorf(api.CodeInternal, "allow the node more open files: ulimit -n 65536", "opening %s: this process may open no more files", folder)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, diskroom.ErrFull):
		return api.Errorf(api.CodeInternal, fmt.Sprintf("make room on that disk, %d MB or more", diskroom.ForDerived>>20), "opening %s: no room is left on its disk", folder)
	}
	if format, ok := errors.AsType[*mailstore.FormatError](err); ok {
		return api.Errorf(api.CodeInvalid, itsVersion+"; else restore a backup of this node into another directory", "opening %s: %v", folder, format)
	}
	if foreign, ok := errors.AsType[*chain.ForeignError](err); ok {
		return foreignChain(folder, foreign)
	}
	if older, ok := errors.AsType[*mailstore.BehindError](err); ok {
		return api.Errorf(api.CodeInternal, "put back what is missing, or restore a backup into another directory; to go on without it: cairn check --repair", "opening the mail store: %v", older)
	}
	if head, ok := errors.AsType[*mailstore.HeadError](err); ok {
		if head.Later {
			return api.Errorf(api.CodeInternal, itsVersion, "opening the mail store: %v", head)
		}
		return api.Errorf(api.CodeInternal, "put back the file that belongs to the store; to go on with the store as it is: cairn check --repair", "opening the mail store: %v", head)
	}
	if damaged, ok := errors.AsType[*mailstore.DamagedError](err); ok {
		return api.Errorf(api.CodeInternal, "see that the disk is well, and restore a backup of this node into another directory; which file it is says: cairn check",
			"opening %s: %s", folder, fmt.Sprintf("%s cannot be read as it was stored (%s)", damaged.What(), damaged.Why))
	}
	if fault, ok := errors.AsType[*intact.Fault](err); ok {
		return api.Errorf(api.CodeInternal, known(cure), "opening %s: it is damaged: %v", folder, fault)
	}
	return api.Errorf(api.CodeInternal, cure, "opening %s: %v", folder, err)
}

// notItsOwn tells what keeps a store from being opened that is nothing of its own.
func notItsOwn(err error) bool {
	return errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EROFS) ||
		errors.Is(err, diskroom.ErrFull)
}

// known is a cure of a store that is known to be damaged.
func known(cure string) string {
	return strings.NewReplacer("if it is damaged and ", "if ", "if it is damaged, ", "").Replace(cure)
}
