package message

import "fmt"

// Type numbers a kind of component. Numbers are part of the protocol: they go into salts,
// commitments and tokens and are never reused.
type Type uint8

// The component types. 64 to 95 are derived from other components by plug-ins.
const (
	From       Type = 1
	Sender     Type = 2
	To         Type = 3
	Cc         Type = 4
	ReplyTo    Type = 5
	Date       Type = 6
	Subject    Type = 7
	MessageID  Type = 8
	InReplyTo  Type = 9
	References Type = 10
	Language   Type = 11
	FromName   Type = 12 // version 1
	Structure  Type = 13 // version 1, of malformed mail: what some mail programs show and others pass over
	Names      Type = 14 // of an address field: names, comments, groups and the order
	Fields     Type = 15 // all other header fields

	Text           Type = 16
	HTML           Type = 17
	SignatureBlock Type = 18
	Attachment     Type = 19
	AttachmentName Type = 20

	AttachmentOctets Type = 21 // where Attachment leaves line ends or a charset open
	MIME             Type = 22 // MIME-Version and every Content-* field of the top
	Layout           Type = 23 // 0: the tree of parts; 1: what stands before and behind them

	Route              Type = 24
	OriginatingAddress Type = 25
	SMTPVersion        Type = 26
	Recipient          Type = 27
	Custody            Type = 28 // which record a node that sends a message on received it with; made by package record

	Octets Type = 29 // the body as it was sent

	AttachmentText   Type = 64
	ImageHash        Type = 65
	DetectedLanguage Type = 66
	AttachmentType   Type = 67
	AttachmentSize   Type = 68
)

// The numbers that are kept for types which package derive makes of other components. What is
// beyond is no part of a mail, so that it contradicts any message; one between that is not known
// here is of a later version.
const (
	firstDerived Type = 64
	lastDerived  Type = 95
)

// Derived reports whether a component of the type is made of others by package derive: it is
// recorded only where that is asked for, and what became of it explains other differences but
// decides nothing.
func (t Type) Derived() bool { return firstDerived <= t && t <= lastDerived }

// Form says which canonical form the content of a type has, and so which explanations of a
// difference make sense for it.
type Form uint8

const (
	FormValue     Form = iota // unfolded, decoded, NFC, white space collapsed
	FormAddresses             // addr-specs, sorted set, one a line
	FormInstant               // unix seconds, decimal
	FormIDs                   // message ids in order, one space between
	FormText                  // UTF-8 lines
	FormHTML                  // UTF-8 lines of HTML source
	FormBytes                 // decoded bytes
	FormFields                // header fields, one a line
	FormLayout                // entities, one a line
)

// Info is one row of the registry of component types.
type Info struct {
	Type Type
	Name string // as in tokens shown to people, command output and queries
	Form Form

	// Decisive: a difference that no honest relay explains keeps the message from coming out as
	// wanted, whatever the share. That is version 1's rule; for version 2 the comparison of records
	// has one for each type, and this one for those that are left.
	Decisive bool
	// NoExtra: one that the record does not name keeps the message from coming out as verified.
	NoExtra bool
	// Unordered: compared irrespective of the index, since relays add and drop parts. In version 2,
	// texts and attachments that took each other's place keep the message from coming out as wanted
	// all the same.
	Unordered bool
	// Counts: it counts in the share of the author's message that is there.
	Counts bool
	// Max is how many a message has at most; what is beyond is folded into the last one. The sum
	// over all types is at most MaxComponents.
	Max int
}

// MaxComponents bounds what a record commits to; MaxComponentsV1 what one of version 1 does.
const (
	MaxComponents   = 96
	MaxComponentsV1 = 64
)

// MaxRecipients is how many envelope recipients one record covers. Mail for more is recorded in
// groups of at most this size.
const MaxRecipients = 24

var registry = []Info{
	{Type: From, Name: "from", Form: FormAddresses, Decisive: true, NoExtra: true, Counts: true, Max: 1},
	{Type: Sender, Name: "sender", Form: FormAddresses, NoExtra: true, Counts: true, Max: 1},
	{Type: To, Name: "to", Form: FormAddresses, NoExtra: true, Counts: true, Max: 1},
	{Type: Cc, Name: "cc", Form: FormAddresses, NoExtra: true, Counts: true, Max: 1},
	{Type: ReplyTo, Name: "reply-to", Form: FormAddresses, NoExtra: true, Counts: true, Max: 1},
	{Type: Date, Name: "date", Form: FormInstant, NoExtra: true, Counts: true, Max: 1},
	{Type: Subject, Name: "subject", Form: FormValue, NoExtra: true, Counts: true, Max: 1},
	{Type: MessageID, Name: "message-id", Form: FormIDs, NoExtra: true, Counts: true, Max: 1},
	{Type: InReplyTo, Name: "in-reply-to", Form: FormIDs, NoExtra: true, Counts: true, Max: 1},
	{Type: References, Name: "references", Form: FormIDs, NoExtra: true, Counts: true, Max: 1},
	{Type: Language, Name: "language", Form: FormValue, Max: 1},
	{Type: FromName, Name: "from-name", Form: FormValue, Decisive: true, NoExtra: true, Max: 1},
	{Type: Structure, Name: "structure", Form: FormText, Decisive: true, NoExtra: true, Max: 1},
	{Type: Names, Name: "names", Form: FormValue, Decisive: true, NoExtra: true, Max: 5},
	{Type: Fields, Name: "fields", Form: FormFields, NoExtra: true, Max: 1},
	{Type: Text, Name: "text", Form: FormText, Decisive: true, NoExtra: true, Unordered: true, Counts: true, Max: 4},
	{Type: HTML, Name: "html", Form: FormHTML, Decisive: true, NoExtra: true, Unordered: true, Counts: true, Max: 3},
	{Type: SignatureBlock, Name: "signature", Form: FormText, Max: 1},
	{Type: Attachment, Name: "attachment", Form: FormBytes, Decisive: true, NoExtra: true, Unordered: true, Counts: true, Max: 8},
	{Type: AttachmentName, Name: "attachment-name", Form: FormValue, Decisive: true, NoExtra: true, Unordered: true, Max: 8},
	{Type: AttachmentOctets, Name: "attachment-octets", Form: FormBytes, NoExtra: true, Max: 8},
	{Type: MIME, Name: "mime", Form: FormFields, Max: 1},
	{Type: Layout, Name: "layout", Form: FormLayout, Decisive: true, NoExtra: true, Max: 2},
	{Type: Route, Name: "route", Form: FormValue, Max: 1},
	{Type: OriginatingAddress, Name: "originating-address", Form: FormValue, Max: 1},
	{Type: SMTPVersion, Name: "smtp-version", Form: FormValue, Max: 1},
	{Type: Recipient, Name: "recipient", Form: FormAddresses, Decisive: true, NoExtra: true, Unordered: true, Max: MaxRecipients},
	{Type: Custody, Name: "custody", Form: FormBytes, Max: 1},
	{Type: Octets, Name: "octets", Form: FormBytes, Max: 1},
	{Type: AttachmentText, Name: "attachment-text", Form: FormText, Unordered: true, Max: 3},
	{Type: ImageHash, Name: "image-hash", Form: FormBytes, Unordered: true, Max: 3},
	{Type: DetectedLanguage, Name: "detected-language", Form: FormValue, Unordered: true, Max: 1},
	{Type: AttachmentType, Name: "attachment-type", Form: FormValue, Unordered: true, Max: 3},
	{Type: AttachmentSize, Name: "attachment-size", Form: FormValue, Unordered: true, Max: 3},
}

// Registry returns the rows of all known types in the order of their numbers. The slice is the
// caller's.
func Registry() []Info { return append([]Info(nil), registry...) }

// Info returns the registry's row, ok false for a number that this version does not know.
func (t Type) Info() (Info, bool) {
	for _, row := range registry {
		if row.Type == t {
			return row, true
		}
	}
	return Info{}, false
}

// String returns the registered name, or "type-N" for an unknown number.
func (t Type) String() string {
	if row, ok := t.Info(); ok {
		return row.Name
	}
	return fmt.Sprintf("type-%d", uint8(t))
}
