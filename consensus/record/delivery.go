package record

import "cairn/consensus"

// Had is what a node says of the delivery of a record to a recipient. The numbers are those that
// travel.
type Had uint8

const (
	// HadUnknown: nothing is known, or what is known is not for who asks.
	HadUnknown Had = iota
	// HadIt: a message with that record was stored for that recipient, and is on the disk.
	HadIt
	// HadNot: none was, and none was under way when that was looked up.
	HadNot
)

// Delivery names a record and recipients of whom somebody wants to know whether they have it.
type Delivery struct {
	Recorder   consensus.Key // of the batch that has the record, with its Epoch and Seq
	Epoch      uint64
	Seq        uint64
	Record     consensus.Hash // Token.RecordID
	Recipients []string       // envelope addresses
}

// DeliveryOf names the record of a token, for some recipients.
func (t *Token) DeliveryOf(recipients []string) Delivery {
	return Delivery{Recorder: t.Recorder, Epoch: t.Record.Epoch, Seq: t.Seq, Record: t.RecordID(), Recipients: recipients}
}

// HadOf is what the answers of all nodes of an organisation come to, for so many recipients: a
// recipient has a record if one node says so, and has it not if all say that. A node that did not
// answer, or not for each recipient, is a nil in answers.
func HadOf(recipients int, answers [][]Had) []Had {
	all := make([]Had, recipients)
	for i := range all {
		not := 0
		for _, a := range answers {
			switch {
			case len(a) != recipients:
			case a[i] == HadIt:
				all[i] = HadIt
			case a[i] == HadNot:
				not++
			}
		}
		if all[i] != HadIt && not > 0 && not == len(answers) {
			all[i] = HadNot
		}
	}
	return all
}
