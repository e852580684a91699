package outbox

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

func drawEntry(t *rapid.T) Entry {
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(1, 1<<53-1).Draw(t, "ms"))
	})
	e := Entry{
		ID:      rapid.Uint64().Draw(t, "id"),
		Ref:     rapid.String().Draw(t, "ref"),
		Account: mailstore.AccountID(rapid.Uint32().Draw(t, "account")),
		Message: mailstore.MessageID(rapid.Uint64().Draw(t, "message")),
		From:    rapid.String().Draw(t, "from"), Domain: rapid.String().Draw(t, "domain"),
		Recipients:  rapid.SliceOf(rapid.String()).Draw(t, "recipients"),
		Created:     at.Draw(t, "created"),
		Token:       rapid.SliceOf(rapid.Byte()).Draw(t, "token"),
		NextAttempt: at.Draw(t, "next"),
		Attempts:    rapid.Uint32().Draw(t, "attempts"),
		LastError:   rapid.String().Draw(t, "error"),
	}
	copy(e.Blob[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "blob"))
	for range rapid.IntRange(0, 3).Draw(t, "history") {
		e.History = append(e.History, Attempt{Time: at.Draw(t, "time"), Result: rapid.String().Draw(t, "result")})
	}
	for _, n := range rapid.SliceOf(rapid.Byte()).Draw(t, "left out") {
		e.Wish.LeftOut = append(e.Wish.LeftOut, message.Type(n))
	}
	for _, n := range rapid.SliceOf(rapid.Byte()).Draw(t, "derive") {
		e.Wish.Derive = append(e.Wish.Derive, message.Type(n))
	}
	e.Wish.Threshold = rapid.IntRange(0, 100).Draw(t, "threshold")
	e.round = rapid.Uint32().Draw(t, "round")
	switch rapid.IntRange(0, 2).Draw(t, "TLS") {
	case 1:
		e.RequireTLS = true
	case 2:
		e.TLSReport = true
	}
	e.DSN.EnvID = rapid.String().Draw(t, "envid")
	e.DSN.Full = rapid.Bool().Draw(t, "full")
	for range rapid.IntRange(0, 2).Draw(t, "asked") {
		a := Asked{rapid.String().Draw(t, "of"), Notify(rapid.Uint8Range(0, uint8(notifyAll)).Draw(t, "notify")), rapid.String().Draw(t, "orcpt")}
		e.DSN.Asked = append(e.DSN.Asked, a)
	}
	if len(e.Token) == 0 {
		e.Token = nil
	}
	if len(e.Recipients) == 0 {
		e.Recipients = nil
	}
	return e
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		b := e.encode()
		got, err := decodeEntry(e.ID, b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("decoded %+v, want %+v", got, e)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := decodeEntry(e.ID, b[:cut]); err == nil {
			t.Fatalf("%d of %d bytes were taken for an entry", cut, len(b))
		}
		if _, err := decodeEntry(e.ID, append(b, 0)); err == nil {
			t.Fatal("a byte too many was overlooked")
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	e := Entry{
		Ref: "0123456789abcdef", Account: 1, Message: 2, From: "a@b", Domain: "c", Recipients: []string{"d@c"},
		Created: time.UnixMilli(1), Token: []byte("Cairn-Record: x\r\n"), NextAttempt: time.UnixMilli(2),
		Attempts: 1, LastError: "451 no", History: []Attempt{{time.UnixMilli(2), "451 no"}},
	}
	f.Add(e.encode())
	f.Add((&Entry{}).encode())
	e.Wish = record.Wish{LeftOut: []message.Type{message.Language}, Threshold: 90}
	f.Add(e.encode())
	e.Wish.Derive = []message.Type{message.ImageHash}
	f.Add(e.encode())
	f.Add(append([]byte{3}, (&Entry{}).encode()[1:]...))
	f.Add(append([]byte{2}, (&Entry{}).encode()[1:]...))
	f.Add([]byte{2})
	f.Add([]byte{5})
	e.round = 1
	f.Add(e.encode())
	f.Add(append([]byte{4}, (&Entry{}).encode()[1:]...))
	e.DSN = DSN{HDRS: true, EnvID: "x y", Asked: []Asked{{"d@c", NotifyNever, "rfc822;d@b"}}}
	f.Add(e.encode())
	f.Add(append([]byte{5}, (&Entry{}).encode()[1:]...))
	e.RequireTLS = true
	f.Add(e.encode())
	f.Add((&Entry{RequireTLS: true}).encode())
	f.Add((&Entry{TLSReport: true}).encode())
	f.Add(append([]byte{6}, (&Entry{}).encode()[1:]...))
	f.Add([]byte{6})
	f.Add(append([]byte{1, 0x80, 0}, make([]byte, 60)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEntry(7, b)
		if err == nil && !bytes.Equal(e.encode(), b) {
			t.Fatalf("%x is read as what would be written %x", b, e.encode())
		}
	})
}

// TestEntryOfBefore: what was queued by each version before is read, byte by byte as it was written
// then.
func TestEntryOfBefore(t *testing.T) {
	b := append([]byte{1, 1, 'r', 2, 3}, make([]byte, 32)...)
	b = append(b, 1, 'f', 1, 'd', 1, 1, 'x', 9, 0, 0, 0, 0, 0)
	plain := Entry{
		ID: 7, Ref: "r", Account: 2, Message: 3, From: "f", Domain: "d", Recipients: []string{"x"}, Created: time.UnixMilli(9),
	}
	asked := DSN{HDRS: true, EnvID: "e", Asked: []Asked{{"x", NotifyNever, "o"}}}
	inDSN := appendDSN(nil, &asked)
	for version, tt := range map[byte]struct {
		behind []byte
		change func(e *Entry)
	}{
		entryPlain:  {nil, func(*Entry) {}},
		entryWish:   {[]byte{1, 5, 90}, func(e *Entry) { e.Wish.LeftOut, e.Wish.Threshold = []message.Type{5}, 90 }},
		entryDerive: {[]byte{0, 0, 1, 6}, func(e *Entry) { e.Wish.Derive = []message.Type{6} }},
		entryRound:  {[]byte{0, 0, 0, 4}, func(e *Entry) { e.round = 4 }},
		entryDSN:    {append([]byte{0, 0, 0, 0}, inDSN...), func(e *Entry) { e.DSN = asked }},
		entryTLS:    {append([]byte{0, 0, 0, 0}, appendDSN(nil, &DSN{})...), func(e *Entry) { e.RequireTLS = true }},
		entryReport: {append([]byte{0, 0, 0, 0}, appendDSN(nil, &DSN{})...), func(e *Entry) { e.TLSReport = true }},
	} {
		stored := append(append([]byte{version}, b[1:]...), tt.behind...)
		want := plain
		tt.change(&want)
		e, err := decodeEntry(7, stored)
		if err != nil || !reflect.DeepEqual(e, want) || !bytes.Equal(e.encode(), stored) {
			t.Errorf("version %d: %+v (%v), want %+v", version, e, err, want)
		}
	}
}

func TestEntryHistoryIsBounded(t *testing.T) {
	var e Entry
	for i := range 50 {
		e.Tried(time.UnixMilli(int64(i+1)), "451 try later")
	}
	if len(e.History) != maxHistory || e.Attempts != 50 || e.History[maxHistory-1].Time.UnixMilli() != 50 {
		t.Fatalf("%d attempts remembered of %d", len(e.History), e.Attempts)
	}
}
