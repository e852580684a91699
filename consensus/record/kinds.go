package record

import (
	"slices"

	"cairn/mailstore/message"
)

// The kinds of difference that Compare and CompareMessages tell apart. A part that differs and has
// none of them is simply different.
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
	AddressesCut       = "addresses-cut"
	Shortened          = "shortened"
	NotRecorded        = "not-recorded"

	Mapped         = "addresses-mapped"
	ReplyPrefix    = "reply-prefix"
	CommaParted    = "comma-parted"
	CharsetChanged = "charset-changed"
	BannerPut      = "banner"
	PartsAdded     = "parts-added"
	PartsRemoved   = "parts-removed"
	PartsReplaced  = "parts-replaced"
	Rewrapped      = "rewrapped"
	Ambiguous      = "ambiguous"
	Malformed      = "malformed"
	Unclosed       = "unclosed"
	FieldsRemoved  = "fields-removed"
	LooksAlike     = "looks-alike"
	SameWords      = "same-words"
	NotDerived     = "not-derived"
	Refolded       = "refolded"
	LinesCut       = "lines-cut"
	LinesTorn      = "lines-torn"
	WeekdayPut     = "weekday-put-right"
	Reordered      = "reordered"
	WrappedWhole   = "wrapped-whole"
	Enclosed       = "enclosed"
	ListInFrom     = "list-in-from"
	NameVia        = "name-via"
	AuthorsName    = "authors-name"
	Contradicting  = "contradicting"
	Emptied        = "emptied"
	EmptyFormLeft  = "empty-form-left"
	OtherLanguage  = "other-language"
	ParameterGone  = "parameter-gone"
	SameName       = "same-name"
	OtherOctets    = "other-octets"
	Encoded        = "encoded"
	WordsCut       = "words-cut"
	SameInstant    = "same-instant"
	NameFolded     = "name-folded"
)

// difference says what a kind of difference means.
type difference struct {
	Kind string
	Says string // ends the sentence "<part>: …"
	// Benign is where honest relays do this, and it takes nothing of what the author said: a rule
	// of version 1, and of explainTogether. For version 2 weigh.go decides.
	Benign []message.Type
}

var (
	bodies  = []message.Type{message.Text, message.HTML, message.SignatureBlock}
	headers = []message.Type{message.From, message.Sender, message.To, message.Cc, message.ReplyTo}
)

var kinds = []difference{
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
	{Kind: AddressesRemoved, Says: "addresses were removed, others are left"},
	{Kind: AddressesCut, Says: "addresses were removed, or cut so that they reach nobody"},
	{Kind: Shortened, Says: "some of its items are gone", Benign: []message.Type{message.References}},
	{Kind: NotRecorded, Says: "is not among the recipients of the record"},
	{Kind: Mapped, Says: "addresses were rewritten by the configured map"},
	{Kind: ReplyPrefix, Says: `only the spelling or the place of "Re:" was changed`},
	{Kind: CommaParted, Says: "a blank was put behind a comma"},
	{Kind: CharsetChanged, Says: "the same text under another charset"},
	{Kind: BannerPut, Says: "the banner of the own gateway was put in"},
	{Kind: PartsAdded, Says: "a part was added"},
	{Kind: PartsRemoved, Says: "parts were taken out"},
	{Kind: PartsReplaced, Says: "parts were taken out and others put in"},
	{Kind: Rewrapped, Says: "the same parts in other containers"},
	{Kind: Ambiguous, Says: "re-packed so that mail programs read it differently"},
	{Kind: Unclosed, Says: "the end of the parts is missing"},
	{Kind: Malformed, Says: "a header that mail programs read differently"},
	{Kind: LinesCut, Says: "long lines were cut"},
	{Kind: LinesTorn, Says: "long lines were cut inside of what counts"},
	{Kind: WeekdayPut, Says: "a wrong day of the week was put right"},
	{Kind: Reordered, Says: "none that was not recorded, in another order, fewer, or without their group"},
	{Kind: WrappedWhole, Says: "the whole message, as recorded, stands inside a message of the forwarder"},
	{Kind: Enclosed, Says: "the message stands inside another"},
	{Kind: ListInFrom, Says: "was replaced by the list's own address, the author's is not there any more"},
	{Kind: NameVia, Says: "the recorded name, with by whom the mail was sent on behind it"},
	{Kind: AuthorsName, Says: "the recorded name, as lists write it"},
	{Kind: Contradicting, Says: "was recorded as no message has it"},
	{Kind: FieldsRemoved, Says: "a recorded field is gone"},
	{Kind: LooksAlike, Says: "differs, though the picture looks alike at a glance"},
	{Kind: NotDerived, Says: "cannot be derived from what arrived"},
	{Kind: Refolded, Says: "folded in another way, with a blank more or less"},
	{Kind: Emptied, Says: "all of its text was taken out"},
	{Kind: EmptyFormLeft, Says: "all of its text was taken out, but for the other form, which was recorded empty"},
	{Kind: OtherLanguage, Says: "the same parts, but for Content-Language"},
	{Kind: ParameterGone, Says: "the same text, without a parameter of its type that says nothing"},
	{Kind: SameName, Says: "the same name, written otherwise"},
	{Kind: OtherOctets, Says: "the same content in other octets"},
	{Kind: SameInstant, Says: "the same instant, its zone written as a number"},
	{Kind: WordsCut, Says: "the same text in other encoded words, of which some programs show only the beginning"},
	{Kind: Encoded, Says: "the same, written in encoded words"},
	{Kind: NameFolded, Says: "the same name, with or without a fold inside of its quotes"},
	{Kind: SameWords, Says: "differs, though its words are the same"},
}

func kindInfo(kind string) difference {
	for _, k := range kinds {
		if k.Kind == kind {
			return k
		}
	}
	return difference{Kind: kind, Says: "differs"}
}

// benign reports whether an honest relay explains that difference of that type, as version 1 has
// it.
func benign(kind string, t message.Type) bool { return slices.Contains(kindInfo(kind).Benign, t) }
