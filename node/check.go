package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/consensus/verifier"
	"cairn/index"
	"cairn/mailstore"
	"cairn/mailstore/intact"
	"cairn/mailstore/outbox"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/smtpgw"
)

// Checked is what Check found in one part of a node's directory.
type Checked struct {
	Part   string       `json:"part"`  // the file or folder
	State  string       `json:"state"` // sound, damaged, mended, missing, skipped
	Seen   string       `json:"seen"`  // what was looked at, or why nothing was
	Faults []CheckFault `json:"faults"`
}

// CheckFault is one thing that is wrong.
type CheckFault struct {
	Text   string `json:"text"`
	Mended bool   `json:"mended"`
	Next   string `json:"next,omitempty"` // what helps; of a mended one what was done, or follows from that
}

// States of a part.
const (
	CheckSound   = "sound"
	CheckDamaged = "damaged"
	CheckMended  = "mended"
	CheckMissing = "missing" // and made when the node runs
	CheckSkipped = "skipped" // for what is wrong elsewhere; of a backup, unless it was read to its end
)

// CheckOptions are how Check works.
type CheckOptions struct {
	Repair  bool
	Backups []BackupFile // with Repair only: texts of mail that are damaged are put back from these, in this order
	Now     time.Time
	Log     *slog.Logger // what the stores say; nil discards
	// Progress is told of what goes on; of is 0 where it is not known. nil: nobody is.
	Progress func(doing string, done, of uint64)
}

// checking is a look at one directory.
type checking struct {
	CheckOptions
	dir   string
	parts []Checked

	cfg     *Config
	own     ownership
	genesis *consensus.Genesis // nil: noChain says what that means for the chain
	noChain string

	sources []source // Backups
	texts   int      // of mail that were put back
	emptied bool     // the index, for these
}

// Check reads all that the stores of the node in dir hold, which must not run, and returns what it
// found of each part; with Repair it mends what can be mended. An error tells of what kept it from
// looking, never of damage.
func Check(ctx context.Context, dir string, o CheckOptions) ([]Checked, error) {
	cfg, err := LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	if err := home.Usable(dir); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(string, uint64, uint64) {}
	}
	c := &checking{CheckOptions: o, dir: dir, cfg: cfg}
	c.member()
	defer c.closeBackups()
	if err := c.openBackups(); err != nil {
		return nil, err
	}
	store, err := c.mail(ctx)
	if err != nil {
		return c.parts, err
	}
	if store != nil {
		defer store.Close()
	}
	if err := c.index(ctx, store); err != nil {
		return c.parts, err
	}
	return c.parts, c.chain(ctx, store)
}

func (c *checking) path(part string) string { return filepath.Join(c.dir, part) }

// add notes what was found of a part.
func (c *checking) add(part, seen string, faults ...CheckFault) {
	p := Checked{Part: part, State: CheckSound, Seen: seen, Faults: faults}
	for _, f := range faults {
		if f.Mended && p.State == CheckSound {
			p.State = CheckMended
		} else if !f.Mended {
			p.State = CheckDamaged
		}
	}
	c.parts = append(c.parts, p)
}

func (c *checking) skip(part, state, why string) {
	c.parts = append(c.parts, Checked{Part: part, State: state, Seen: why})
}

// files looks at all files of a database. The fault is nil if they are sound, or if none is there.
func (c *checking) files(part string, v intact.Values) (fault *intact.Fault, there bool, err error) {
	c.Progress("reading the files of "+part, 0, 0)
	entries, err := os.ReadDir(c.path(part))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("checking %s: %w", c.path(part), err)
	}
	free, err := intact.Whole(c.path(part), v)
	fault, damaged := errors.AsType[*intact.Fault](err)
	switch {
	case damaged:
		return fault, true, nil
	case err != nil:
		return nil, true, fmt.Errorf("checking %s: %w", c.path(part), err)
	case !free:
		return nil, true, inUse(c.dir)
	}
	return nil, true, nil
}

func inUse(dir string) error {
	return api.Errorf(api.CodeExists, "cairn status", "checking %s: a node is running in it; stop it first", dir)
}

// mail looks at the mail store and its head. It returns the store open if what it holds can be
// read.
func (c *checking) mail(ctx context.Context) (*mailstore.Store, error) {
	if err := mailLost(c.dir); err != nil && !(c.Repair && fileExists(c.path(home.MailHead))) {
		gone := api.AsError(err)
		c.add(home.MailDir, "its files", CheckFault{Text: gone.Message, Next: gone.Hint})
		c.skip(home.MailHead, CheckSkipped, "the mail store does not open")
		return nil, nil
	}
	fault, there, err := c.files(home.MailDir, intact.EachValue)
	if err != nil {
		return nil, err
	}
	const restore = "see that the disk is well, keep a copy of the directory and restore a backup of this node into another one"
	var faults []CheckFault
	if fault != nil && (filepath.Ext(fault.File) != ".vlog" || intact.Before(c.path(home.MailDir), intact.EachValue) != nil) {
		c.add(home.MailDir, "its files", CheckFault{Text: fault.Error(), Next: restore})
		c.skip(home.MailHead, CheckSkipped, "the mail store does not open")
		return nil, nil
	}
	// The end of a value log that was lost after a clean stop keeps no node from starting, as long
	// as it stops well. Whose the values were is told below.
	if fault != nil {
		faults = append(faults, CheckFault{Text: fault.Error(), Next: "the node starts without them until it is killed: make a backup of it now, and restore that into another directory"})
	}
	if _, err := os.Lstat(c.path(home.MailHead)); errors.Is(err, fs.ErrNotExist) && !there {
		c.skip(home.MailDir, CheckMissing, "made when the node runs")
		return nil, nil
	}
	store, err := c.openMail()
	head, isHead := headFault(err)
	switch {
	case c.foreign(err):
		return nil, nil
	case isHead && !c.Repair:
		head.Next = restore + ", or take it as it is with: cairn check --repair"
		if len(faults) > 0 {
			c.add(home.MailDir, "its files", faults...)
		} else {
			c.skip(home.MailDir, CheckSkipped, "it is not what its head says")
		}
		c.add(home.MailHead, "how far the store was", head)
		return nil, nil
	case isHead:
		if err := mailstore.AcceptBehind(c.path(home.MailDir), c.Now, c.Log, c.own.guard); err != nil {
			return nil, unreadable(c.path(home.MailDir), err, restore)
		}
		head.Mended, head.Next = true, "the store was taken as it is: what is missing in it is lost, but for backups; the node signs nothing a second time"
		c.add(home.MailHead, "how far the store was", head)
		store, err = c.openMail()
	}
	switch {
	case errors.Is(err, mailstore.ErrInUse):
		return nil, inUse(c.dir)
	case err != nil && notItsOwn(err):
		return nil, unreadable(c.path(home.MailDir), err, restore)
	case err != nil:
		c.add(home.MailDir, "what it says of itself", append(faults, unopened(c.path(home.MailDir), err, restore))...)
		c.skip(home.MailHead, CheckSkipped, "the mail store does not open")
		return nil, nil
	case !isHead:
		c.add(home.MailHead, "how far the store was")
	}
	return c.values(ctx, store, faults)
}

// values reads what the mail store holds, and mends what can be mended; faults are what was found
// of its files. It returns the store, open.
func (c *checking) values(ctx context.Context, store *mailstore.Store, faults []CheckFault) (*mailstore.Store, error) {
	c.Progress("reading the mail store", 0, 0)
	files, texts := len(faults), lacking{}
	found, err := store.Check(ctx, c.Repair, func(f mailstore.Fault) {
		fault := CheckFault{Text: f.Text, Mended: f.Mended, Next: f.Cure}
		if f.Mended {
			fault.Next = f.Done
		}
		if f.Blob != ([32]byte{}) {
			texts[f.Blob] = append(texts[f.Blob], len(faults))
		}
		faults = append(faults, fault)
	}, mapChecks(store)...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("checking %s: %w", c.path(home.MailDir), err), store.Close())
	}
	if files > 0 && len(faults) > files {
		faults[0].Next = "what is read from there is told below, with what helps"
	}
	if err := c.mendTexts(ctx, store, texts, faults); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if files > 0 && slices.ContainsFunc(faults[files:], func(f CheckFault) bool { return f.Mended }) {
		if store, err = c.lookAgain(store, &faults[0]); err != nil {
			return nil, err
		}
	}
	c.add(home.MailDir, seenMail(found)+c.seenTexts(texts), faults...)
	return store, nil
}

// mapChecks are what the parts of the node know of their maps in the mail store.
func mapChecks(store *mailstore.Store) []mailstore.MapCheck {
	return append(smtpgw.MapChecks(), mailstore.UsedCheck(), outbox.New(store).MapCheck(), outbox.OutcomeCheck(), verifier.MapCheck())
}

// seenMail tells how much was looked at. The index has nothing of removed accounts.
func seenMail(found mailstore.CheckResult) string {
	doomed := ""
	if found.Doomed > 0 {
		doomed = fmt.Sprintf("%d of removed accounts still to be swept, ", found.Doomed)
	}
	return fmt.Sprintf("%d messages of %d accounts, %s%d texts, %d values", found.Messages, found.Accounts, doomed, found.Blobs, found.Values)
}

// unopened is the fault of a store that does not open.
func unopened(folder string, err error, cure string) CheckFault {
	if damaged, ok := errors.AsType[*mailstore.DamagedError](err); ok {
		return CheckFault{Text: fmt.Sprintf("%s cannot be read as it was stored: %s", damaged.What(), damaged.Why), Next: cure}
	}
	said := api.AsError(unreadable(folder, err, cure))
	return CheckFault{Text: said.Message, Next: said.Hint}
}

// headFault is the fault of a store that is not what its head says. A head of a later version is
// none.
func headFault(err error) (CheckFault, bool) {
	if behind, ok := errors.AsType[*mailstore.BehindError](err); ok {
		return CheckFault{Text: behind.Error()}, true
	}
	if head, ok := errors.AsType[*mailstore.HeadError](err); ok && !head.Later {
		return CheckFault{Text: head.Error()}, true
	}
	return CheckFault{}, false
}

// builtAnew is what follows of a fault of the index that was mended.
const builtAnew = "it was built anew from the mail"

// index looks at the search index, and holds it to the mail store.
func (c *checking) index(ctx context.Context, store *mailstore.Store) error {
	fault, there, err := c.files(home.IndexDir, intact.AllValues)
	switch {
	case err != nil:
		return err
	case fault != nil && !c.Repair:
		c.add(home.IndexDir, "its files", CheckFault{Text: fault.Error(), Next: "it is built anew when the node starts"})
		return nil
	case !there && !c.emptied:
		c.skip(home.IndexDir, CheckMissing, "built when the node runs")
		return nil
	case store == nil && fault == nil:
		c.skip(home.IndexDir, CheckSkipped, "its files are sound; there is no mail store to hold it to")
		return nil
	case store == nil:
		if err := intact.Clear(c.path(home.IndexDir)); err != nil {
			return fmt.Errorf("emptying %s: %w", c.path(home.IndexDir), err)
		}
		c.add(home.IndexDir, "its files", CheckFault{Text: fault.Error(), Mended: true, Next: "the folder was emptied, and is filled when the node runs"})
		return nil
	}
	c.Progress("holding the index to the mail", 0, 0)
	ix, faults, err := c.openIndex(store, fault)
	if anew, ok := errors.AsType[*index.AnewError](err); ok && !anew.Foreign {
		c.skip(home.IndexDir, CheckSkipped, anew.Error()+", and is built anew when the node starts")
		return nil
	} else if ok {
		c.add(home.IndexDir, "whose it is", CheckFault{Text: anew.Error(), Next: "it is built anew when the node starts"})
		return nil
	}
	if err != nil {
		return unreadable(c.path(home.IndexDir), err, "delete that folder: it is built anew from the mail")
	}
	defer ix.Close()
	return c.held(ctx, ix, faults)
}

// openIndex opens the index as it is, or with repair empty where its files are damaged or it is to
// be built anew, which is what faults say then.
func (c *checking) openIndex(store *mailstore.Store, fault *intact.Fault) (ix *index.Index, faults []CheckFault, err error) {
	folder := c.path(home.IndexDir)
	if c.emptied {
		ix, err = index.Open(folder, store, c.Log)
		return ix, []CheckFault{{Text: "it may lack texts of mail that were put back", Mended: true, Next: builtAnew}}, err
	}
	if fault != nil {
		if err := intact.Clear(folder); err != nil {
			return nil, nil, fmt.Errorf("emptying %s: %w", folder, err)
		}
		ix, err = index.Open(folder, store, c.Log)
		return ix, []CheckFault{{Text: fault.Error(), Mended: true, Next: builtAnew}}, err
	}
	ix, err = index.OpenAsIs(folder, store, c.Log)
	anew, ok := errors.AsType[*index.AnewError](err)
	if !ok || !c.Repair {
		return ix, nil, err
	}
	ix, err = index.Open(folder, store, c.Log)
	return ix, []CheckFault{{Text: anew.Error(), Mended: true, Next: builtAnew}}, err
}

// held holds the index to the mail store; faults are what was found of it before.
func (c *checking) held(ctx context.Context, ix *index.Index, faults []CheckFault) error {
	messages, err := ix.Check(ctx)
	if errors.Is(err, mailstore.ErrDamaged) {
		const why = "what is damaged in the mail store keeps it from being held to that"
		for i := range faults {
			faults[i].Next = "it is built anew from the mail when the node runs"
		}
		if len(faults) == 0 {
			c.skip(home.IndexDir, CheckSkipped, why)
		} else {
			c.add(home.IndexDir, why, faults...)
		}
		return nil
	}
	if index.IsDamaged(err) {
		f := CheckFault{Text: err.Error(), Next: "it is built anew by: cairn check --repair"}
		if err = nil; c.Repair {
			if err = ix.Rebuild(ctx, errors.New(f.Text)); err == nil {
				f.Mended, f.Next = true, builtAnew
			}
		}
		faults = append(faults, f)
	}
	if err != nil {
		return fmt.Errorf("checking %s: %w", c.path(home.IndexDir), err)
	}
	c.add(home.IndexDir, fmt.Sprintf("%d messages", messages), faults...)
	return nil
}
