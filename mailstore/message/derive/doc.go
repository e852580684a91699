// Package derive makes components of a message out of its other ones: the text of an attachment, a
// perceptual hash of a picture, the language of the text, type and size of attachments.
//
// A sender records them where an administrator or a submitter asks for it; a recipient derives
// those that the record holds and compares. They explain what became of a message ("another file,
// but the picture looks alike"), and one can be shown to somebody without the attachment that it is
// of. They decide nothing: what they are made of is recorded itself, and two versions of a library
// may derive differently from the same octets.
//
// The package is pure. Each deriver bounds what it reads, holds and tries, whatever a stranger
// sends: what is beyond a bound has no component.
package derive
