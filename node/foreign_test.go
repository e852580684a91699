package node

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/node/api"
	"cairn/node/home"
)

// setRaw puts a value into a database below what keeps it.
func setRaw(dir string, key, value []byte) error {
	db, err := badger.Open(badger.DefaultOptions(dir).WithLoggingLevel(badger.ERROR))
	if err != nil {
		return err
	}
	return errors.Join(db.Update(func(txn *badger.Txn) error { return txn.Set(key, value) }), db.Close())
}

// A store of a later version, or the chain of another network, is told with what helps against
// that, by whatever opens it. For cairn check it is one finding beside the others.
func TestStoresForOthers(t *testing.T) {
	t.Parallel()
	whole, _ := founder(t, "Alpha", "alpha.test")
	other, _ := founder(t, "Beta", "beta.test")
	for _, dir := range []string{whole, other} {
		hasRun(t, dir)
	}
	for name, c := range map[string]struct {
		part       string
		change     func(dir string) error
		says, hint string
		backup     bool // that cannot be made
	}{
		"mail of a later version": {home.MailDir, func(dir string) error {
			key, value := []byte("Mv"), binary.BigEndian.AppendUint32(nil, 99)
			sum := crc32.Checksum(append(slices.Clone(key), value...), crc32.MakeTable(crc32.Castagnoli))
			return setRaw(filepath.Join(dir, home.MailDir), key, binary.BigEndian.AppendUint32(value, sum))
		}, "it has store format 99", "use the version of cairn that wrote it", true},
		"chain of a later version": {home.ChainDir, func(dir string) error {
			return setRaw(filepath.Join(dir, home.ChainDir), []byte("mformat"), binary.BigEndian.AppendUint32(nil, 99))
		}, "it has chain format 99", "use the version of cairn that wrote it", false},
		"chain of another network": {home.ChainDir, func(dir string) error {
			return replace(dir, other, home.ChainDir)
		}, "it is the chain of another network", "put this node's own there", false},
	} {
		dir := filepath.Join(shortDir(t), "n")
		if err := errors.Join(os.CopyFS(dir, os.DirFS(whole)), c.change(dir)); err != nil {
			t.Fatal(err)
		}
		told := func(what, message, hint string) {
			if !strings.Contains(message, c.says) || !strings.HasPrefix(hint, c.hint) {
				t.Errorf("%s: %s: %s\n%s", name, what, message, hint)
			}
		}
		_, err := Open(t.Context(), dir, nil)
		run := api.AsError(err)
		told("run", run.Message, run.Hint)
		if err := api.AsError(Backup(dir, api.BackupRequest{}, io.Discard)); c.backup {
			told("backup", err.Message, err.Hint)
		} else if err != nil {
			t.Errorf("%s: backup: %v", name, err)
		}
		for _, repair := range []bool{false, true} {
			parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Repair: repair, Progress: func(string, uint64, uint64) {}})
			at := slices.IndexFunc(parts, func(p Checked) bool { return p.State == CheckDamaged })
			if err != nil || at < 0 || len(parts) != 4 || parts[at].Part != c.part {
				t.Errorf("%s: check, repair %v: %+v, %v", name, repair, parts, err)
				continue
			}
			told("check", parts[at].Faults[0].Text, parts[at].Faults[0].Next)
		}
	}
}
