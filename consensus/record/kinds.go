package record

import (
	"slices"

	"cairn/mailstore/message"
)

// The kinds of difference that Compare and CompareMessages tell apart. A part that differs and has none of them is simply different.
const (
	SubjectTagged      = "subject-tagged"
	WhitespaceChanged  = "whitespace-changed"
	CaseChanged        = "case-changed"
	FromEscaped        = "from-escaped"
	FooterAppended     = "footer-appended"
	Appended           = "appended"
	Prepended          = "prepended"
	Inserted           = "inserted"
	Wrapped            = "wrapped"
	FooterPart         = "footer-part"
	Added              = "added"
	Removed            = "removed"
	AlternativeRemoved = "alternative-removed"
	Renamed            = "renamed"
	NameChanged        = "name-changed"
	MovedToReplyTo     = "moved-to-reply-to"
	AddressesAdded     = "addresses-added"
	AddressesRemoved   = "addresses-removed"
	Shortened          = "shortened"
	NotRecorded        = "not-recorded"
)

// KindInfo says what a kind of difference means.
type KindInfo struct {
	Kind   string
	Says   string         // ends the sentence "<part>: …"
	Benign []message.Type // where honest relays do this, and it takes nothing of what the author said
}

var (
	bodies  = []message.Type{message.Text, message.HTML, message.SignatureBlock}
	headers = []message.Type{message.From, message.Sender, message.To, message.Cc, message.ReplyTo}
)

var kinds = []KindInfo{
	{Kind: SubjectTagged, Says: "a tag was put in front", Benign: []message.Type{message.Subject}},
	{Kind: WhitespaceChanged, Says: "only white space was changed", Benign: append([]message.Type{message.Subject, message.FromName, message.Attachment, message.AttachmentName}, bodies...)},
	{Kind: CaseChanged, Says: "only upper and lower case were changed", Benign: headers},
	{Kind: FromEscaped, Says: `lines that begin with "From " got a ">" in front`, Benign: bodies},
	{Kind: FooterAppended, Says: "a footer was appended", Benign: bodies},
	{Kind: Appended, Says: "more than a footer was appended"},
	{Kind: Prepended, Says: "something was put in front"},
	{Kind: Inserted, Says: "something was inserted"},
	{Kind: Wrapped, Says: "something was put in front and something appended"},
	{Kind: FooterPart, Says: "a footer was added as a part of its own", Benign: []message.Type{message.Text}},
	{Kind: Added, Says: "was added on the way"},
	{Kind: Removed, Says: "was removed on the way", Benign: []message.Type{message.Attachment, message.AttachmentName, message.FromName}},
	{Kind: AlternativeRemoved, Says: "was removed, the other form of the body is there", Benign: []message.Type{message.Text, message.HTML, message.SignatureBlock}},
	{Kind: Renamed, Says: "the attachment has another name"},
	{Kind: NameChanged, Says: "the display name was changed"},
	{Kind: MovedToReplyTo, Says: "was replaced, the author's address is in Reply-To now, as mailing lists do"},
	{Kind: AddressesAdded, Says: "addresses were added"},
	{Kind: AddressesRemoved, Says: "addresses were removed"},
	{Kind: Shortened, Says: "some of its items are gone", Benign: []message.Type{message.References}},
	{Kind: NotRecorded, Says: "is not among the recipients of the record"},
}

// Kinds returns all kinds of difference. The slice is the caller's.
func Kinds() []KindInfo { return append([]KindInfo(nil), kinds...) }

func kindInfo(kind string) KindInfo {
	for _, k := range kinds {
		if k.Kind == kind {
			return k
		}
	}
	return KindInfo{Kind: kind, Says: "differs"}
}

// benign reports whether an honest relay explains that difference of that type.
func benign(kind string, t message.Type) bool { return slices.Contains(kindInfo(kind).Benign, t) }
