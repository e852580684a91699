package mailstore

import (
	"encoding/binary"
	"fmt"
)

// accounts holds accounts to their names and addresses, and to the last numbers given out.
func (c *check) accounts() error {
	top, err := c.r.number(metaLastAccount)
	topDamaged := err != nil
	var list []Account
	err = c.base.walk([]byte{tableAccount}, nil, func(key, value []byte, bad *DamagedError) bool {
		if a, err := decodeAccount(AccountID(binary.BigEndian.Uint32(key[1:])), value); bad == nil && err == nil {
			list = append(list, a)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, a := range list {
		if err := c.leadsTo(textKey(tableName, a.Name), a, fmt.Sprintf("the name %q", a.Name)); err != nil {
			return err
		}
		for _, addr := range a.Addresses {
			if err := c.leadsTo(textKey(tableAddress, addr), a, "the address "+addr); err != nil {
				return err
			}
		}
		if uint64(a.ID) > top && !topDamaged {
			err := c.found(Fault{
				Table: TableAccount, Account: a.ID, Text: fmt.Sprintf("the number of account %d would be given out again", a.ID),
				Cure: "a check with repair goes on behind it",
			}, func(tx *Tx) error { return tx.mendLastAccount() })
			if err != nil {
				return err
			}
			top = uint64(a.ID)
		}
	}
	return nil
}

// leadsTo holds a name or address to its account. One whose value is damaged was reported.
func (c *check) leadsTo(key []byte, a Account, what string) error {
	b, err := c.base.get(key)
	if err == nil {
		if id, err := decodeUint64(b); err != nil || AccountID(id) == a.ID {
			return nil
		}
	} else if damaged(err) {
		return nil
	}
	return c.found(Fault{
		Table: TableAccount, Account: a.ID, Text: fmt.Sprintf("%s of account %d does not lead to it", what, a.ID),
		Cure: "a check with repair lets it lead there again",
	}, func(tx *Tx) error { return tx.mendWayOf(key, a.ID) })
}

// messages holds each message to what belongs to it, and what is kept for messages to them.
func (c *check) messages() error {
	var failed error
	err := c.base.walk([]byte{tableMessage}, nil, func(key, value []byte, bad *DamagedError) bool {
		if bad != nil || len(key) != 13 {
			return true
		}
		m, err := decodeMessage(AccountID(binary.BigEndian.Uint32(key[1:])), MessageID(binary.BigEndian.Uint64(key[5:])), value)
		if err == nil {
			failed = c.message(m)
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return firstOf(err, failed)
	}
	err = c.base.walk([]byte{tableLabels}, nil, func(key, value []byte, bad *DamagedError) bool {
		if len(key) == 13 {
			failed = c.labelsOf(RefOf(key), value, bad)
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return firstOf(err, failed)
	}
	for a, id := range c.last {
		if err := c.lastID(a, id); err != nil {
			return err
		}
	}
	return nil
}

// message looks for the bytes, labels and account of a message.
func (c *check) message(m Message) error {
	fault := Fault{Table: TableMessage, Account: m.Account, Message: m.ID}
	name := fmt.Sprintf("message %d of account %d", m.ID, m.Account)
	for _, part := range []struct {
		key  []byte
		blob [32]byte
		text string
		cure string
		mend func(tx *Tx) error
	}{
		{blobKey(m.Blob), m.Blob, fmt.Sprintf("the text %x of %s is not there", m.Blob[:8], name), (&DamagedError{Table: TableBlob}).Cure(), nil},
		{messageKey(tableLabels, m.Account, m.ID), [32]byte{}, "the label set of " + name + " is not there", (&DamagedError{Table: TableLabels}).Cure(),
			c.mendLabels(m.Account, m.ID)},
		{blobUserKey(m.Blob, messageUser(m.Account, m.ID)), [32]byte{}, "it is not noted that " + name + " uses its text", "a check with repair notes it",
			func(tx *Tx) error { return tx.mendBlobUser(m) }},
	} {
		there, err := c.base.has(part.key)
		if err != nil && !damaged(err) {
			return err
		}
		if there {
			continue
		}
		fault.Blob, fault.Text, fault.Cure = part.blob, part.text, part.cure
		if err := c.found(fault, part.mend); err != nil {
			return err
		}
	}
	return c.owned(fault, name)
}

// owned looks for the account of a message: there, or removed and its mail about to be.
func (c *check) owned(fault Fault, name string) error {
	for _, table := range []byte{tableAccount, tableDoomed} {
		if there, err := c.base.has(accountKey(table, fault.Account)); there || err != nil {
			return err
		}
	}
	fault.Blob, fault.Text, fault.Cure = [32]byte{}, "the account of "+name+" is not there", "see that the disk is well and restore a backup"
	return c.found(fault, nil)
}

// labelsOf counts the labels of a message, and notes the changes that their row names. A row
// without a message owns neither.
func (c *check) labelsOf(ref Ref, value []byte, bad *DamagedError) error {
	if there, err := c.base.has(messageKey(tableMessage, ref.Account, ref.Message)); err != nil {
		return err
	} else if !there {
		return c.strayLabels(ref)
	}
	row, err := decodeLabelRow(value)
	if bad != nil || err != nil { // which was reported
		c.unread[ref.Account] = true
		c.numbers = append(c.numbers, 0)
		return nil
	}
	c.countLabels(ref.Account, row.labels)
	c.numbers = append(c.numbers, row.numbers()...)
	return nil
}

// strayLabels reports labels that have no message. They go if it was removed: a damaged block that
// hides a deletion brings them back.
func (c *check) strayLabels(ref Ref) error {
	c.stray[ref] = true
	fault := Fault{
		Table: TableMessage, Account: ref.Account, Message: ref.Message,
		Text: fmt.Sprintf("message %d of account %d is not there, but its labels are", ref.Message, ref.Account),
		Cure: "see that the disk is well and restore a backup",
	}
	removed, err := c.r.wasRemoved(ref)
	if err != nil {
		return err
	}
	if !removed {
		return c.found(fault, nil)
	}
	fault.Text = fmt.Sprintf("message %d of account %d was removed, but its labels are there", ref.Message, ref.Account)
	fault.Cure = "see that the disk is well; a check with repair takes them away"
	return c.found(fault, func(tx *Tx) error { return tx.dropStray(ref) })
}

// lastID holds the last number given out to the highest in use. One whose value is damaged was
// reported.
func (c *check) lastID(a AccountID, highest MessageID) error {
	n, err := c.r.number(accountKey(tableLastID, a))
	if damaged(err) || err == nil && MessageID(n) >= highest {
		return nil
	}
	if err != nil {
		return err
	}
	return c.found(Fault{
		Table: TableAccount, Account: a, Text: fmt.Sprintf("the number of message %d of account %d would be given out again", highest, a),
		Cure: "a check with repair sets the last number to it",
	}, func(tx *Tx) error { return tx.mendLastID(a) })
}
