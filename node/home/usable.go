package home

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"cairn/node/api"
)

// Usable holds that a node can work in its directory dir before anything in it is changed: each of
// its files is one and can be read, and dir and the databases' files can be written to. What is not
// there is no fault here. It changes nothing but the time of dir.
func Usable(dir string) error {
	if err := writableFolder(dir, backedUp); err != nil {
		return err
	}
	if err := AsItsUser(dir); err != nil {
		return err
	}
	if keys := filepath.Join(dir, KeysDir); isThere(keys) {
		if err := folder(keys, backedUp); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if p.name == MailDir || p.many {
			continue
		}
		if err := readable(filepath.Join(dir, p.name), Cure(p.name)); err != nil {
			return err
		}
	}
	head := filepath.Join(dir, MailHead)
	anew := "move " + head + " away: the node makes it anew"
	if err := openable(head, os.O_RDWR, anew); err != nil {
		return err
	}
	if err := small(head, anew); err != nil {
		return err
	}
	for _, name := range []string{MailDir, IndexDir, ChainDir} {
		cure := Cure(name)
		if name != MailDir {
			cure = "move the folder " + filepath.Join(dir, name) + " away: the node makes it anew"
		}
		if err := usableDatabase(filepath.Join(dir, name), cure); err != nil {
			return err
		}
	}
	return nil
}

// Exposed lists the files of keys in dir that other users of this machine can read.
func Exposed(dir string) (files []string) {
	keys := filepath.Join(dir, KeysDir)
	for _, folder := range []string{dir, keys} {
		if at, err := os.Stat(folder); err != nil || at.Mode()&0o011 == 0 || runtime.GOOS == "windows" {
			return nil // nobody else comes through it
		}
	}
	entries, _ := os.ReadDir(keys)
	for _, e := range entries {
		if at, err := e.Info(); err == nil && at.Mode().IsRegular() && at.Mode()&0o044 != 0 {
			files = append(files, e.Name())
		}
	}
	return files
}

// backedUp is how to come by a file that each backup holds.
const backedUp = "restore it from a backup of this node" + NextCopyOut

// NextCopyOut goes behind advice to restore a file, which no command does alone.
const NextCopyOut = "; files of a backup are copied out of the directory that this makes: cairn backup restore FILE --dir OTHER"

// Cure is what helps where a file of a node's directory is lost, damaged or none; name is
// slash-separated.
func Cure(name string) string {
	switch {
	case name == OrgKey:
		return "put the organisation's key back from where it is kept, in no backup but one made --with-org-key; a member runs without it"
	case name == RecoveryKey:
		return "put the recovery key back from where it is kept, in no backup but one made --with-org-key; the node runs without it"
	case name == MailDir+"/"+noteFile:
		return "move it away: the node writes it anew"
	case name == MailDir, strings.HasPrefix(name, MailDir+"/"): // a backup has the mail, and none of the files
		return "put back what was there, or restore a backup of this node into another directory"
	case name == DKIMKeys:
		return "move it away: the node makes other keys, whose records have to be published; or restore it from a backup of this node" + NextCopyOut
	case name == ACMEFile:
		return "move it away: the node makes other keys and has them certified, and a TLSA record of the former one is to be changed; or restore it from a backup of this node" + NextCopyOut
	case name == TLSKeys:
		return "move it away, and the roll of TLS keys begins anew; or restore it from a backup of this node" + NextCopyOut
	case strings.HasPrefix(name, KeysDir+"/org-old-"):
		return "put back a copy of it, which is in no backup; a member runs without it"
	}
	return backedUp
}

// CureDamaged is what helps where a file of a node's directory, of that name, does not say what it
// should.
func CureDamaged(name string) string {
	const later = "; if a later cairn has written it, run that one"
	if before, ok := strings.CutSuffix(Cure(name), NextCopyOut); ok {
		return before + later + NextCopyOut
	}
	return instead(Cure(name)) + later
}

// noteFile says in a database's folder how that was left; see mailstore/intact.
const noteFile = "CAIRN-STATE"

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Readable holds that a file, where there is one, can be read, and into memory.
func Readable(path string) error { return readable(path, backedUp) }

func readable(path, cure string) error {
	if err := openable(path, os.O_RDONLY, cure); err != nil {
		return err
	}
	return small(path, cure)
}

// small holds that a file is no larger than one that a node reads as a whole.
func small(path, cure string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > maxFile {
		return api.Errorf(api.CodeInvalid, instead(cure), "%s has %d bytes, and a file of that name has no more than %d", path, info.Size(), maxFile)
	}
	return nil
}

// usableDatabase holds that all files of a database can be written to. Folders in it are not
// Badger's. cure is what to do where something else has the place of one of them.
func usableDatabase(dir, cure string) error {
	if !isThere(dir) {
		return nil
	}
	if err := writableFolder(dir, cure); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unusable(dir, err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() == "lost+found" { // the folder is a disk of its own
			continue
		}
		cure := cure
		if e.Name() == noteFile {
			cure = Cure(MailDir + "/" + noteFile)
		}
		if err := openable(filepath.Join(dir, e.Name()), os.O_RDWR, cure); err != nil {
			return err
		}
	}
	return nil
}

// AsItsUser holds that who works in a node's directory is not root where that is another user's:
// what root makes in it that user could not use any more.
func AsItsUser(dir string) error {
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return nil // nothing can be made in it
	}
	me, _, _ := Owner(probe.Name())
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	owner, _, known := Owner(dir)
	if !known || me != 0 || owner == me {
		return nil
	}
	name := UserName(owner)
	return api.Errorf(api.CodeNotAllowed, "run the command as that user, as sudo -u "+name+" does", "%s is of the user %s, who could not use any more what this one, root, writes there", dir, name)
}

// folder holds that a folder is one.
func folder(dir, cure string) error {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return leadsNowhere(dir, cure)
	case err != nil:
		return unusable(dir, err)
	case !info.IsDir():
		return api.Errorf(api.CodeInvalid, instead(cure), "%s is not a folder", dir)
	}
	return nil
}

// Writable holds that a folder of a node's directory is one, and that files can be made in it and
// removed.
func Writable(dir string) error { return writableFolder(dir, backedUp) }

// writableFolder holds that a folder is one, and that files can be made in it.
func writableFolder(dir, cure string) error {
	if err := folder(dir, cure); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return unusable(dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// openable holds that what has the name of a file, if anything has, can be opened as one.
func openable(path string, how int, cure string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return leadsNowhere(path, cure)
		}
		return nil
	case err != nil:
		return unusable(path, err)
	case !info.Mode().IsRegular():
		return api.Errorf(api.CodeInvalid, instead(cure), "%s is not a file", path)
	}
	f, err := os.OpenFile(path, how, 0)
	if errors.Is(err, fs.ErrNotExist) { // a node that runs has moved it meanwhile
		return nil
	}
	if err != nil {
		return unusable(path, err)
	}
	return f.Close()
}

// instead is cure where something has the place of what is to be cured.
func instead(cure string) string {
	for _, begins := range []string{"restore it", "put the ", "put back a copy"} {
		if strings.HasPrefix(cure, begins) {
			return "move it away, and " + cure
		}
	}
	return cure
}

func leadsNowhere(path, cure string) error {
	return api.Errorf(api.CodeNotFound, "mount the disk that it is on, or "+cure, "%s leads to what is not there", path)
}

// UserName is the name of a user, or the number if it has none here.
func UserName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// ofAnother reports whether a file in a node's directory is of another user than that is, and whose
// that is.
func ofAnother(path string) (owner string, another bool) {
	dir := filepath.Dir(path)
	if !isThere(filepath.Join(dir, ConfigFile)) {
		dir = filepath.Dir(dir)
	}
	file, _, known := Owner(path)
	whole, _, wholeKnown := Owner(dir)
	return UserName(whole), isThere(filepath.Join(dir, ConfigFile)) && known && wholeKnown && file != whole
}

// unusable says in one sentence why a file or folder cannot be used.
func unusable(path string, err error) error {
	owner, another := ofAnother(path)
	switch {
	case errors.Is(err, fs.ErrPermission) && another:
		return api.Errorf(api.CodeNotAllowed, "give it to the user whose directory that is: chown -R "+owner+" "+path, "%s: this user may not read and write it, and it is of another one than the node's directory", path)
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.CodeNotAllowed, "run the command as the user that owns it, who needs the right to: chmod u+rwX "+path, "%s: this user may not read and write it", path)
	case errors.Is(err, syscall.EROFS):
		return api.Errorf(api.CodeInvalid, "mount it for writing", "%s is on a disk that is read-only", path)
	case errors.Is(err, syscall.ENOSPC):
		return api.Errorf(api.CodeInvalid, "make room on that disk", "%s: no room is left on its disk", path)
	case errors.Is(err, syscall.ELOOP):
		return api.Errorf(api.CodeInvalid, "remove the link, and put there what it should lead to", "%s is a link that leads to itself", path)
	}
	return api.Errorf(api.CodeInternal, "see that the disk is well", "%s: %v", path, err)
}
