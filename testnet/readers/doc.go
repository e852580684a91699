// Package readers asks foreign programs what they show of a mail.
//
// A verdict says that a mail is as its author sent it. That holds only if whoever reads it, with
// whatever program, sees what the author's record is about. So a generator makes mails that differ
// from a recorded one by every trick that is known to make programs disagree (Generator), Cairn
// judges each, and for each that it calls verified the programs are asked for the recorded mail
// and for the mutant (Run). What they show has to be equal; whatever is not is a Finding, named by
// its mutations and reproduced by its seed and number.
//
// The readers are real programs: Python's email in both of its policies, GMime through mu,
// munpack, s-nail, mutt, mblaze, Dovecot, Perl's MIME::Parser, Nodemailer's mailparser and
// postal-mime.
//
// A program is not asked what it cannot know better (Exceptions). Most exceptions are of munpack,
// which is asked for no text where charset labels differ, for no files where a name is encoded or a
// part has no Content-Type, and for no contents where one mail has a Content-Type more than the
// other or has it in other letters, capital or small: it takes text/plain alone for text, and no
// part without a type. mutt is not asked for the date where a Received was added to a mail with a
// Date that programs cannot read; mblaze for no files where a name is in Content-Type alone beside
// a Content-Disposition, and for no text of mail that ends in a soft line end.
package readers

import (
	"slices"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// Judge tells whether a mail would be called verified by the record of another, and if not, why.
type Judge func(sent, received []byte) (verified bool, why string)

// JudgeRecord is Cairn's own comparison, by commitments alone as a recipient's node makes it:
// verified is what has all parts as recorded.
func JudgeRecord(sent, received []byte) (verified bool, why string) {
	d := message.Dissect(sent, nil)
	parts := slices.DeleteFunc(d.Components(), func(c message.Component) bool {
		return c.Type >= message.Route && c.Type <= message.SMTPVersion // no token says where that ends
	})
	secret := record.Secret{1}
	t := &record.Token{Secret: secret, Record: record.Record{
		Version: record.RecordVersion, Kind: record.KindMail,
		Commitments: record.Commit(secret, parts), Tags: record.TagsOf(secret, d.Hints()),
	}}
	c := record.Compare(t, message.Dissect(received, nil), record.Context{})
	if c.AllSame() {
		return true, ""
	}
	for _, p := range c.Parts {
		if p.Outcome != record.Same {
			return false, p.Type.String() + " " + string(p.Outcome)
		}
	}
	return false, "not all the same"
}
