package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

// letters are the texts of the mail that withLetters gives a node.
var letters = [2]string{
	"Subject: first\r\n\r\n" + strings.Repeat("one line of it\r\n", 200),
	"Subject: second\r\n\r\n" + strings.Repeat("another line\r\n", 200),
}

// withLetters is a founder's directory with two mails, of which nothing runs.
func withLetters(t *testing.T) (dir string) {
	t.Helper()
	dir, _ = founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("carl", []string{"carl@alpha.test"})
		if err != nil {
			return err
		}
		for _, text := range letters {
			blob, err := tx.PutBlob([]byte(text))
			if err != nil {
				return err
			}
			m := mailstore.Message{Account: a.ID, Blob: blob, Size: int64(len(text)), Received: time.Unix(1_800_000_000, 0)}
			if _, err := tx.AddMessage(m, []string{"inbox"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyOf is a copy of a node's directory.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(shortDir(t), "node")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// withSpoilt is a copy of a directory in which these letters are damaged.
func withSpoilt(t *testing.T, dir string, which ...int) string {
	t.Helper()
	dir = copyOf(t, dir)
	for _, i := range which {
		spoil(t, filepath.Join(dir, home.MailDir), []byte(letters[i]))
	}
	return dir
}

// backupFile is a backup of a directory.
func backupFile(t *testing.T, name, dir string) BackupFile {
	t.Helper()
	var b bytes.Buffer
	if err := Backup(dir, api.BackupRequest{}, &b); err != nil {
		t.Fatal(err)
	}
	return inMemory(name, b.Bytes())
}

func inMemory(name string, b []byte) BackupFile {
	return BackupFile{name, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// mended is what a check with repair says of a part, which is none if it does not name it.
func mended(t *testing.T, dir string, from ...BackupFile) (part func(name string) Checked) {
	t.Helper()
	parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Repair: true, Backups: from})
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) (p Checked) {
		if i := slices.IndexFunc(parts, func(p Checked) bool { return p.Part == name }); i >= 0 {
			p = parts[i]
		}
		return p
	}
}

// Of what was put back it is told from where, and that the index is built anew for it.
func TestTextsThatWerePutBackAreTold(t *testing.T) {
	t.Parallel()
	whole := withLetters(t)
	half, both := backupFile(t, "half", withSpoilt(t, whole, 0)), backupFile(t, "both", whole)
	none := backupFile(t, "none", withSpoilt(t, whole, 0, 1))

	dir := withSpoilt(t, whole, 0, 1)
	part := mended(t, dir, none, half)
	var told []string
	mail := part(home.MailDir)
	for _, f := range mail.Faults {
		told = append(told, fmt.Sprint(f.Mended, " ", f.Next))
	}
	slices.Sort(told)
	if len(told) != 2 || !strings.HasPrefix(told[0], "false none of the backups that were given has that text") || told[1] != "true it was put back from half" {
		t.Errorf("told is %q", told)
	}
	if mail.State != CheckDamaged || !strings.HasSuffix(mail.Seen, "; texts of mail that were put back: 1, damaged still: 1") {
		t.Errorf("%+v", mail)
	}
	for name, seen := range map[string]string{
		"none": "it had none of the 2 texts that are damaged",
		"half": "it had 1 of the 2 texts that were damaged, which was put back",
	} {
		if p := part(name); p.State != CheckSound || p.Seen != seen {
			t.Errorf("%+v", p)
		}
	}

	part = mended(t, dir, none, both)
	if p := part("none"); p.Seen != "it did not have the text that is damaged" {
		t.Errorf("%+v", p)
	}
	if p := part("both"); p.State != CheckSkipped || p.Seen != "it had the text that was damaged, which was put back; it was read as far as it was needed" {
		t.Errorf("%+v", p)
	}
	want := CheckFault{"it may lack texts of mail that were put back", true, builtAnew}
	if p := part(home.IndexDir); p.State != CheckMended || !slices.Equal(p.Faults, []CheckFault{want}) {
		t.Errorf("%+v", p)
	}
	if p := part(home.MailDir); p.State != CheckMended {
		t.Errorf("%+v", p)
	}
	if p := mended(t, dir)(home.MailDir); p.State != CheckSound {
		t.Errorf("then it is %+v", p)
	}
	if p := mended(t, withSpoilt(t, whole, 0, 1), both)("both"); p.Seen != "it had 2 of the 2 texts that were damaged, which were put back; it was read as far as it was needed" {
		t.Errorf("%+v", p)
	}
}

// A backup that is damaged behind the last text that is wanted is not said to be sound.
func TestBackupThatIsReadInPart(t *testing.T) {
	t.Parallel()
	whole := withLetters(t)
	var b bytes.Buffer
	if err := Backup(whole, api.BackupRequest{}, &b); err != nil {
		t.Fatal(err)
	}
	cut := inMemory("cut", b.Bytes()[:b.Len()-1])
	part := mended(t, withSpoilt(t, whole, 0), cut)
	if p := part("cut"); p.State != CheckSkipped || !strings.HasSuffix(p.Seen, "; it was read as far as it was needed") {
		t.Errorf("%+v", p)
	}
	if p := part(home.MailDir); p.State != CheckMended {
		t.Errorf("%+v", p)
	}
}

// What is wrong with a file of values is told as it is once some of them were put back.
func TestLostValuesAreToldAsTheyAreThen(t *testing.T) {
	t.Parallel()
	whole := withLetters(t)
	lost := copyOf(t, whole)
	loseFrom(t, lost, letters[:])
	for i := range letters {
		dir := copyOf(t, lost)
		said := mended(t, dir, backupFile(t, "half", withSpoilt(t, whole, i)))(home.MailDir)
		then := mended(t, dir)(home.MailDir)
		if len(said.Faults) != 3 || len(then.Faults) != 2 || said.Faults[0].Mended || said.Faults[0].Text != then.Faults[0].Text {
			t.Errorf("without letter %d: said was\n%+v\nand then\n%+v", i, said.Faults, then.Faults)
		}
	}
}

// loseFrom overwrites a value log with zeros from where the first of some texts begins.
func loseFrom(t *testing.T, dir string, texts []string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, home.MailDir, "*.vlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		at := len(b)
		for _, text := range texts {
			if i := bytes.Index(b, []byte(text)); i >= 0 {
				at = min(at, i)
			}
		}
		if at < len(b) {
			if err := os.WriteFile(name, append(b[:at:at], make([]byte, len(b)-at)...), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no value log has these texts")
}

// Backups without repair, or of a node that is none of this organisation, change nothing.
func TestBackupsThatAreRefused(t *testing.T) {
	t.Parallel()
	whole := withLetters(t)
	dir, mine, others := withSpoilt(t, whole, 0), backupFile(t, "mine", whole), backupFile(t, "others", withLetters(t))
	for _, tt := range []struct {
		o     CheckOptions
		code  api.Code
		error string
	}{
		{CheckOptions{Backups: []BackupFile{mine}}, api.CodeUsage, "texts are taken from a backup with repair only"},
		{CheckOptions{Repair: true, Backups: []BackupFile{mine, others}}, api.CodeInvalid, `others: reading the backup: it is of the organisation "alpha", and the node in ` + dir + " is of another one of that name"},
	} {
		tt.o.Now = time.Now()
		parts, err := Check(t.Context(), dir, tt.o)
		if e := api.AsError(err); e == nil || e.Code != tt.code || !strings.HasSuffix(e.Message, tt.error) {
			t.Errorf("refused with %v, found %+v", err, parts)
		}
	}
	if p := mended(t, dir)(home.MailDir); p.State != CheckDamaged {
		t.Errorf("then it is %+v", p)
	}
}

// A text is put back only once the index is emptied, which would lack it.
func TestNothingIsPutBackBesideTheIndex(t *testing.T) {
	t.Parallel()
	whole := withLetters(t)
	dir := withSpoilt(t, whole, 0)
	folder := filepath.Join(dir, home.IndexDir)
	both := backupFile(t, "both", whole)
	o := CheckOptions{Now: time.Now(), Repair: true, Backups: []BackupFile{{"both", func() (io.ReadCloser, error) {
		if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil { // of which no list can be read
			return nil, err
		}
		return both.Open()
	}}}}
	if _, err := Check(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), "emptying "+folder) {
		t.Errorf("it ended with %v", err)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if p := mended(t, dir)(home.MailDir); p.State != CheckDamaged {
		t.Errorf("without its index the mail is %+v", p)
	}
	part := mended(t, dir, both)
	if p := part(home.MailDir); p.State != CheckMended {
		t.Errorf("%+v", p)
	}
	if p := part(home.IndexDir); p.State != CheckMissing {
		t.Errorf("%+v", p)
	}
}

// Whose a backup is tells the organisation's id, and before there is one the node's key.
func TestWhoseABackupIs(t *testing.T) {
	t.Parallel()
	member, _ := founder(t, "alpha", "alpha.test")
	namesake, _ := founder(t, "alpha", "alpha.test")
	joining, other := newcomer(t, "alpha", "alpha.test"), newcomer(t, "alpha", "alpha.test")
	checkingOf := func(dir string) *checking {
		t.Helper()
		cfg, err := LoadConfig(dir)
		if err != nil {
			t.Fatal(err)
		}
		c := &checking{CheckOptions: CheckOptions{Progress: func(string, uint64, uint64) {}}, dir: dir, cfg: cfg}
		c.member()
		return c
	}
	manifestOf := func(dir string, change func(m *home.Manifest)) *home.Manifest {
		t.Helper()
		c := checkingOf(dir)
		m := manifest(c.cfg, c.own.id, c.genesis, c.own.enrol)
		if change != nil {
			change(&m)
		}
		return &m
	}
	renamed := func(m *home.Manifest) { m.Organisation = "omega" }
	for _, tt := range []struct {
		name  string
		dir   string
		m     *home.Manifest
		taken bool
	}{
		{"its own", member, manifestOf(member, nil), true},
		{"of a namesake", member, manifestOf(namesake, nil), false},
		{"of one of its organisation, renamed", member, manifestOf(member, func(m *home.Manifest) { m.Organisation, m.Node = "omega", "another" }), true},
		{"its own, before it joined, renamed", member, manifestOf(member, func(m *home.Manifest) { m.Organisation, m.OrgID = "omega", "" }), true},
		{"of another name, before that one joined", member, manifestOf(joining, renamed), false},
		{"of one that has not joined, its own, renamed", joining, manifestOf(joining, renamed), true},
		{"of one that has not joined, of that name", joining, manifestOf(other, nil), true},
		{"of one that has not joined, of another name", joining, manifestOf(other, renamed), false},
	} {
		if err := checkingOf(tt.dir).ofOurs(tt.m); (err == nil) != tt.taken {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
