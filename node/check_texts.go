package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"cairn/mailstore"
	"cairn/mailstore/intact"
	"cairn/node/api"
	"cairn/node/home"
)

// BackupFile is a backup that Check may take texts of mail from.
type BackupFile struct {
	Name string
	Open func() (io.ReadCloser, error) // gives it decrypted; is called once
}

// source is a backup whose manifest was read.
type source struct {
	name string
	*home.Texts
	close func() error
}

// openBackups reads the manifests of the backups, and refuses one that is none of this node's
// organisation, before anything is changed.
func (c *checking) openBackups() error {
	if len(c.Backups) > 0 && !c.Repair {
		return api.Errorf(api.CodeUsage, "cairn check --help", "checking %s: texts are taken from a backup with repair only", c.dir)
	}
	for _, b := range c.Backups {
		in, err := b.Open()
		if err != nil {
			return ofBackup(b.Name, err)
		}
		t, err := home.OpenTexts(in)
		if err == nil {
			err = c.ofOurs(&t.Manifest)
		}
		if err != nil {
			return errors.Join(ofBackup(b.Name, err), in.Close())
		}
		c.sources = append(c.sources, source{b.Name, t, in.Close})
	}
	return nil
}

// closeBackups ends the reading of them, wherever it is.
func (c *checking) closeBackups() {
	for _, s := range c.sources {
		_ = s.close()
	}
}

// ofBackup tells which of the backups an error is of.
func ofBackup(file string, err error) error {
	if said, ok := errors.AsType[*api.Error](err); ok {
		return api.Errorf(said.Code, said.Hint, "%s: %s", file, said.Message)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// ofOurs refuses the backup of another organisation's node. Before a node has joined a network
// there are the names alone, but its own key tells.
func (c *checking) ofOurs(m *home.Manifest) error {
	own := home.Manifest{Organisation: c.cfg.Organisation.Name}
	if c.own.id != nil {
		own = manifest(c.cfg, c.own.id, c.genesis, c.own.enrol)
	}
	if own.Node != "" && m.Node == own.Node {
		return nil
	}
	same := m.Organisation == own.Organisation
	if m.OrgID != "" && own.OrgID != "" {
		same = m.OrgID == own.OrgID
	}
	if same {
		return nil
	}
	of := fmt.Sprintf("of %q", own.Organisation)
	if m.Organisation == own.Organisation {
		of = "of another one of that name"
	}
	return api.Errorf(api.CodeInvalid, "give a backup of this node", "reading the backup: it is of the organisation %q, and the node in %s is %s", m.Organisation, c.dir, of)
}

// lacking are texts of mail that are damaged or not there, by SHA-256: where in a list of faults
// each is told of.
type lacking map[[32]byte][]int

// mendTexts puts back the texts of mail that are lacking and that the backups have, and says so in
// faults and of each backup. What is put back stays, whatever comes after it.
func (c *checking) mendTexts(ctx context.Context, store *mailstore.Store, texts lacking, faults []CheckFault) error {
	for _, s := range c.sources {
		if len(texts) == 0 {
			c.skip(s.name, CheckSkipped, "no text of mail is left to be taken from it")
			continue
		}
		if err := c.mendFrom(ctx, s, store, texts, faults); err != nil {
			return fmt.Errorf("putting back texts of mail in %s, of which %d are mended: %w", c.path(home.MailDir), c.texts, err)
		}
	}
	if len(c.sources) == 0 {
		return nil
	}
	for _, list := range texts {
		for _, i := range list {
			faults[i].Next = "none of the backups that were given has that text: see that the disk is well; with another one: " + mailstore.MendText
		}
	}
	return nil
}

// mendFrom is mendTexts of one backup. The error is none of the backup.
func (c *checking) mendFrom(ctx context.Context, s source, store *mailstore.Store, texts lacking, faults []CheckFault) error {
	c.Progress("looking for texts of mail in "+s.name, 0, 0)
	asked, enough := len(texts), false
	var failed error
	err := s.Take(func(blob [32]byte) bool { return texts[blob] != nil }, func(blob [32]byte, raw []byte) error {
		if failed = c.putBack(ctx, store, raw); failed != nil {
			return failed
		}
		for _, i := range texts[blob] {
			faults[i].Mended, faults[i].Next = true, "it was put back from "+s.name
		}
		delete(texts, blob)
		if enough = len(texts) == 0; enough {
			return home.ErrEnough
		}
		return nil
	})
	if ended := ctx.Err(); ended != nil || failed != nil {
		return cmp.Or(failed, ended)
	}
	switch seen := seenSource(asked-len(texts), asked); {
	case err != nil:
		c.skip(s.name, CheckSkipped, seen+"; "+api.AsError(err).Message)
	case enough: // nobody knows what is behind that
		c.skip(s.name, CheckSkipped, seen+"; it was read as far as it was needed")
	default:
		c.add(s.name, seen)
	}
	return nil
}

// seenSource tells how many of the texts that were asked for a backup had.
func seenSource(had, asked int) string {
	switch {
	case asked == 1 && had == 0:
		return "it did not have the text that is damaged"
	case asked == 1:
		return "it had the text that was damaged, which was put back"
	case had == 0:
		return fmt.Sprintf("it had none of the %d texts that are damaged", asked)
	case had == 1:
		return fmt.Sprintf("it had 1 of the %d texts that were damaged, which was put back", asked)
	}
	return fmt.Sprintf("it had %d of the %d texts that were damaged, which were put back", had, asked)
}

// putBack stores a text of mail. Before the first one the index is emptied, since it was told of
// that mail when nothing could be read of it: an end in between leaves none that has to be built.
func (c *checking) putBack(ctx context.Context, store *mailstore.Store, raw []byte) error {
	if c.texts == 0 {
		if err := c.emptyIndex(); err != nil {
			return err
		}
	}
	err := store.Update(ctx, func(tx *mailstore.Tx) error {
		_, err := tx.PutBlob(raw)
		return err
	})
	if err == nil {
		c.texts++
	}
	return err
}

// emptyIndex has the index built anew, if there is one.
func (c *checking) emptyIndex() error {
	folder := c.path(home.IndexDir)
	empty, err := intact.Empty(folder)
	if empty || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = intact.Clear(folder)
	}
	if err != nil {
		return fmt.Errorf("emptying %s: %w", folder, err)
	}
	c.emptied = true
	return nil
}

// seenTexts tells how many texts were put back, and how many are damaged still; empty if none was
// damaged or no backup was given.
func (c *checking) seenTexts(left lacking) string {
	if len(c.sources) == 0 || c.texts == 0 && len(left) == 0 {
		return ""
	}
	return fmt.Sprintf("; texts of mail that were put back: %d, damaged still: %d", c.texts, len(left))
}

// lookAgain looks at the files of the mail store once more, after values in it were mended: that
// the end of a value log was lost is a fault as long as something is read from there. The store is
// closed meanwhile, and nil with an error.
func (c *checking) lookAgain(store *mailstore.Store, fault *CheckFault) (*mailstore.Store, error) {
	if err := store.Close(); err != nil {
		return nil, fmt.Errorf("checking %s: %w", c.path(home.MailDir), err)
	}
	left, _, err := c.files(home.MailDir, intact.EachValue)
	switch {
	case err != nil:
		return nil, err
	case left == nil:
		fault.Mended, fault.Next = true, ""
	default:
		fault.Text = left.Error()
	}
	if store, err = c.openMail(); err != nil {
		return nil, unreadable(c.path(home.MailDir), err, fault.Next)
	}
	return store, nil
}
