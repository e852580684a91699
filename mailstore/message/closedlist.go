package message

import (
	"slices"
	"strings"
)

// fieldClass says what becomes of a header field of the top of a message in a record of version 2.
type fieldClass uint8

const (
	fieldOwn      fieldClass = iota // a component of its own
	fieldPackage                    // MIME-Version and Content-*: component mime
	fieldTrace                      // added by relays and acted upon by nobody: in no component
	fieldStripped                   // removed at both ends or at delivery, since programs act upon it
	fieldRecorded                   // component fields
)

// ownFields are components of their own.
var ownFields = map[string]Type{
	"from": From, "sender": Sender, "to": To, "cc": Cc, "reply-to": ReplyTo, "date": Date, "subject": Subject,
	"message-id": MessageID, "in-reply-to": InReplyTo, "references": References,
}

// traceFields are what relays, gateways and authentication put on top; no program acts upon them.
// A name that ends in "*" stands for all that begin so.
var traceFields = []string{
	"received", "return-path", "delivered-to", "x-original-to", "envelope-to", "delivery-date", "x-received",
	"received-spf", "authentication-results", "x-authentication-results", "authentication-results-original",
	"dkim-signature", "domainkey-signature", "x-google-dkim-signature", "arc-*",
	"x-virus-*", "x-mimecast-*", "x-proofpoint-*", "x-google-*", "x-gm-*", "x-forefront-*", "x-microsoft-antispam*",
	"x-ms-exchange-*", "x-ironport-*", "x-rspamd-*", "x-greylist", "x-mime-autoconverted", "cairn-record",
}

// noteFields are those in which mail programs note something about their copy of a message, and
// which others believe: a length at which the message ends, flags.
var noteFields = []string{"content-length", "lines", "status", "x-status", "x-uid", "x-keywords", "x-mozilla-*"}

// screeningFields say what a filter found, which other filters and mail programs take for the word
// of their own.
var screeningFields = []string{"x-spam-*", "x-ms-exchange-organization-*"}

// LocalNote reports whether the field with that lower-case name belongs to a file, not to a
// message. Such fields are removed at submission and at delivery.
func LocalNote(name string) bool { return inList(noteFields, name) }

// ForeignFinding reports whether the field with that lower-case name says what a filter found.
// Those of filters elsewhere are removed at delivery.
func ForeignFinding(name string) bool { return inList(screeningFields, name) }

// packingFields are those of both lists that count in no part of a body either: notes of whoever
// packed it.
var packingFields = []string{"content-length", "lines", "x-mime-autoconverted"}

// listFields are what a mailing list adds; they count as its own marks if it is known.
var listFields = []string{
	"list-*", "archived-at", "precedence", "errors-to", "x-beenthere", "x-mailman-*", "mailing-list", "x-loop", "message-id-hash",
}

// actedUponFields change what programs do or show although they are no component of their own.
var actedUponFields = []string{
	"resent-*", "auto-submitted", "importance", "priority", "x-priority", "x-msmail-priority", "thread-*", "bimi-*",
	"autocrypt*", "disposition-notification-*", "return-receipt-to", "x-confirm-reading-to", "expires", "expiry-date",
	"mail-reply-to", "mail-followup-to", "mail-copies-to", "supersedes", "obsoletes", "list-*", "followup-to", "newsgroups", "x-image-url", "apparently-to", "bcc", "encrypted", "sensitivity", "x-face", "face",
	"openpgp", "cairn-*", "x-unsent", "x-auto-response-suppress", "deferred-delivery", "reply-by", "x-message-flag", "comments",
	"keywords", "x-label",
}

// shownFields have words that programs show as a matter of course (Gnus, mutt, Claws Mail, KMail,
// readers of RFC 9057), or that older programs act upon as on their fellows above: whoever adds one
// speaks to the reader, or in the author's name.
var shownFields = []string{
	"archived-at", "comment", "jabber-id", "x-original-subject", "x-reply-to", "read-receipt-to", "return-receipt-requested", "x-return-receipt-to",
	"summary", "organization", "organisation", "author", "posted-to", "gnus-warning", "fcc", "gcc", "x-url", "x-mailer", "user-agent", "x-newsreader",
}

// commonFields are recorded fields that many programs write.
var commonFields = []string{
	"x-mailer", "user-agent", "importance", "priority", "x-priority", "x-msmail-priority", "organization", "keywords", "comments",
	"auto-submitted", "thread-topic", "thread-index", "autocrypt", "openpgp", "disposition-notification-to",
	"return-receipt-to", "mail-followup-to", "mail-reply-to", "list-id", "list-post", "list-help", "list-unsubscribe",
	"list-unsubscribe-post", "list-subscribe", "list-archive", "list-owner", "archived-at", "precedence", "errors-to",
	"feedback-id", "x-mimeole", "x-accept-language", "x-auto-response-suppress", "sensitivity", "resent-from", "resent-to",
	"resent-date", "resent-message-id", "x-loop", "x-beenthere", "x-mailman-version", "expires", "supersedes", "bcc", "x-face",
}

// CommonFields returns the lower-case names of header fields that many programs write, by which a
// field that was taken out can be named. The slice is the caller's.
func CommonFields() []string { return slices.Clone(commonFields) }

func classOf(name string) fieldClass {
	switch {
	case OwnField(name):
		return fieldOwn
	case LocalNote(name), ForeignFinding(name):
		return fieldStripped
	case name == "mime-version" || strings.HasPrefix(name, "content-"):
		return fieldPackage
	case inList(traceFields, name):
		return fieldTrace
	}
	return fieldRecorded
}

// OwnField reports whether the field with that lower-case name is a component of its own. A message
// has at most one of each (RFC 5322, section 3.6); which of several a program shows is anybody's
// guess.
func OwnField(name string) bool { return ownFields[name] != 0 }

// ActedUpon reports whether programs act upon the header field with that lower-case name, or show
// it: added on the way it keeps a message from counting as wanted.
func ActedUpon(name string) bool { return inList(actedUponFields, name) || inList(shownFields, name) }

// wordFields are fields with words for people among those that programs act upon.
var wordFields = []string{"content-description", "thread-topic", "comments", "x-message-flag", "keywords", "x-label"}

// structured reports whether programs act upon a field as it stands there.
func structured(name string) bool {
	return (strings.HasPrefix(name, "content-") || inList(actedUponFields, name)) && !slices.Contains(wordFields, name)
}

// ListField reports whether a mailing list adds the field with that lower-case name.
func ListField(name string) bool { return inList(listFields, name) }

func inList(list []string, name string) bool {
	for _, entry := range list {
		if prefix, open := strings.CutSuffix(entry, "*"); open && strings.HasPrefix(name, prefix) || entry == name {
			return true
		}
	}
	return false
}

// Uncovered reports whether the field with that lower-case name is in no component but perhaps the
// route: relays add it and nobody acts upon it, or it is removed before anybody could.
func Uncovered(name string) bool {
	class := classOf(name)
	return class == fieldTrace || class == fieldStripped
}
