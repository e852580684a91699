package smtpgw

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/message"
	"cairn/smtpgw/screen"
)

// historySpace is what accounts had to do with addresses:
//
//	cursor                       modseq u64: how far the store's journal was followed
//	of/<account u32>w<address>   empty: the account has sent mail to it
//	of/<account u32>k<address>   empty: it has read mail from it and left that in the inbox
//	of/<account u32>n<address>   empty: it has called mail that was recorded for it no spam
const historySpace = "history"

const (
	historyStep = 512 // changes taken in at a time
	// historyPause gathers what happens at one time: nobody waits for the history.
	historyPause = time.Second
	maxAddress   = 254 // octets of an address that is remembered (RFC 5321, section 4.5.3.1.3)

	historyWrote   = 'w'
	historyKept    = 'k'
	historyNotSpam = 'n'
)

var historyCursor = []byte("cursor")

// History remembers what each account had to do with which address. It follows
// the store's journal, so it knows of mail from before it was there, too.
type History struct {
	store *mailstore.Store
	from  func(*mailstore.Reader, mailstore.AccountID, mailstore.MessageID) (string, error)
	log   *slog.Logger
}

// NewHistory returns the history in store. from tells the author's address of a
// message that arrived, empty if it is not known.
func NewHistory(store *mailstore.Store, from func(*mailstore.Reader, mailstore.AccountID, mailstore.MessageID) (string, error), log *slog.Logger) *History {
	return &History{store, from, log}
}

func historyOf(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte("of/"), uint32(account))
}

func historyKey(account mailstore.AccountID, what byte, address string) []byte {
	k := append(historyOf(account), what)
	return append(k, strings.ToLower(message.CanonicalAddress(address))...)
}

// Of reads what account had to do with address before.
func (h *History) Of(rd *mailstore.Reader, account mailstore.AccountID, address string) (known screen.History, err error) {
	sp := rd.Space(historySpace)
	if known.Wrote, err = hasWritten(rd, account, address); err != nil {
		return known, err
	}
	if known.Kept, err = sp.Has(historyKey(account, historyKept, address)); err != nil {
		return known, err
	}
	known.NotSpam, err = sp.Has(historyKey(account, historyNotSpam, address))
	return known, err
}

// hasWritten reports whether account has sent mail to address before, as far as a History knows.
func hasWritten(rd *mailstore.Reader, account mailstore.AccountID, address string) (bool, error) {
	return rd.Space(historySpace).Has(historyKey(account, historyWrote, address))
}

// NotSpam notes that an account has called mail no spam that was recorded for address, such as that
// of a mailing list.
func (h *History) NotSpam(tx *mailstore.Tx, account mailstore.AccountID, address string) error {
	if len(address) > maxAddress {
		return nil
	}
	return putNew(tx.Space(historySpace), historyKey(account, historyNotSpam, address))
}

// About gives the history with the author, and with the addresses that the
// record is for. Of the latter only what is known is evidence.
func (h *History) About(rd *mailstore.Reader, account mailstore.AccountID, f screen.Finding, _ screen.Evidence) (results []screen.Result, err error) {
	for i, address := range append([]string{f.From}, f.RecordedFor...) {
		if address == "" || len(address) > maxAddress {
			continue
		}
		known, err := h.Of(rd, account, address)
		if err != nil {
			return nil, fmt.Errorf("read the history with an address: %w", err)
		}
		if i == 0 || known.Wrote || known.NotSpam {
			results = append(results, known.Evidence(address))
		}
	}
	return results, nil
}

// Run follows the journal until ctx is done.
func (h *History) Run(ctx context.Context) error {
	wake, cancel := h.store.Subscribe()
	defer cancel()
	next := time.NewTimer(0)
	defer next.Stop()
	var trouble logration.Trouble
	for waits := true; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			if !waits {
				next.Reset(historyPause)
				waits = true
			}
			continue
		case <-next.C:
			waits = false
		}
		err := h.Follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if trouble.News(err, time.Now()) {
			h.log.Error("history: following the mail failed, trying again", "err", err)
		}
		if err != nil {
			next.Reset(historyPause)
			waits = true
		}
	}
}

// Follow brings the history up to the journal's end. What is damaged of one mail holds up nobody's:
// its author is unknown.
func (h *History) Follow(ctx context.Context) error {
	for ctx.Err() == nil {
		var s seen
		var since mailstore.ModSeq
		err := h.store.View(func(rd *mailstore.Reader) (err error) {
			s, since, err = h.look(rd)
			return err
		})
		if errors.Is(err, mailstore.ErrUnknownModSeq) {
			s, err = seen{}, nil // the journal is another one
		} else if err == nil && s.cursor == since {
			return nil
		}
		if err == nil {
			err = h.take(ctx, &s)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// seen is what some changes of the journal say.
type seen struct {
	keys    [][]byte
	gone    []mailstore.AccountID
	damaged []error          // what could not be read of them
	cursor  mailstore.ModSeq // behind them
}

// Seen returns how far the history has followed the mail store's journal.
func (h *History) Seen(rd *mailstore.Reader) (mailstore.ModSeq, error) {
	at, _, err := rd.Space(historySpace).Number(historyCursor)
	return mailstore.ModSeq(at), err
}

// look reads the next changes, after the one that since is: the first, where the cursor is damaged.
func (h *History) look(rd *mailstore.Reader) (s seen, since mailstore.ModSeq, err error) {
	since, err = h.Seen(rd)
	if errors.Is(err, mailstore.ErrDamaged) {
		s.damaged, err = append(s.damaged, err), nil
	}
	if err != nil {
		return s, 0, err
	}
	s.cursor = since
	changes, err := rd.ChangesSince(since, historyStep)
	for _, c := range changes {
		s.cursor = c.ModSeq
		if err := h.note(rd, c, &s); errors.Is(err, mailstore.ErrDamaged) {
			s.damaged = append(s.damaged, fmt.Errorf("change %d, of message %d of account %d: %w", c.ModSeq, c.Message, c.Account, err))
		} else if err != nil {
			return s, since, err
		}
	}
	return s, since, err
}

// take stores what was seen.
func (h *History) take(ctx context.Context, s *seen) error {
	for _, account := range slices.Compact(s.gone) {
		if err := h.forget(ctx, account); err != nil {
			return err
		}
	}
	err := h.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(historySpace)
		for _, key := range s.keys {
			if err := putNew(sp, key); err != nil {
				return err
			}
		}
		return sp.PutNumber(historyCursor, uint64(s.cursor))
	})
	if err != nil {
		return err
	}
	for _, bad := range s.damaged { // once: the changes are behind the cursor now
		h.log.Error("history: it goes on past what is damaged", "err", bad)
	}
	return nil
}

// note adds what a change says about the account and others to s. Where the mail is damaged, nobody
// knows whose it was.
func (h *History) note(rd *mailstore.Reader, c mailstore.Change, s *seen) error {
	if c.Kind == mailstore.ChangeRemoved {
		_, err := rd.Account(c.Account)
		if errors.Is(err, mailstore.ErrNotFound) {
			s.gone = append(s.gone, c.Account)
			return nil
		}
		return err
	}
	m, err := rd.Message(c.Account, c.Message)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil // removed since
	}
	if err != nil {
		return err
	}
	if m.Outgoing {
		if c.Kind != mailstore.ChangeAdded {
			return nil
		}
		for _, to := range m.Recipients {
			if len(to) <= maxAddress {
				s.keys = append(s.keys, historyKey(c.Account, historyWrote, to))
			}
		}
		return nil
	}
	if c.Kind != mailstore.ChangeLabels || !isKept(c.Labels) {
		return nil
	}
	from, err := h.from(rd, c.Account, c.Message)
	if err != nil || from == "" || len(from) > maxAddress {
		return err
	}
	s.keys = append(s.keys, historyKey(c.Account, historyKept, from))
	return nil
}

// isKept reports whether labels are those of mail that was read and kept; of mail that was archived
// before the history looked, nobody knows.
func isKept(labels []string) bool {
	has := func(l string) bool { return slices.Contains(labels, l) }
	return has(mailstore.LabelInbox) && !has(mailstore.LabelUnread) && !has(mailstore.LabelSpam) && !has(mailstore.LabelDeleted)
}

func putNew(sp mailstore.Space, key []byte) error {
	known, err := sp.Has(key)
	if err != nil || known {
		return err
	}
	return sp.Put(key, nil)
}

// forget drops what an account that is gone had to do with anybody.
func (h *History) forget(ctx context.Context, account mailstore.AccountID) error {
	for {
		var keys [][]byte
		err := h.store.View(func(rd *mailstore.Reader) error {
			return rd.Space(historySpace).Keys(historyOf(account), nil, func(key []byte) bool {
				keys = append(keys, bytes.Clone(key))
				return len(keys) < historyStep
			})
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		err = h.store.Update(ctx, func(tx *mailstore.Tx) error {
			for _, key := range keys {
				if err := tx.Space(historySpace).Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
