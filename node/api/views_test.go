package api

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// views are all documents and requests that cross the socket.
var views = []any{
	Status{}, ChainStatus{}, Block{}, OrgList{}, Pin{}, PinList{}, Claims{}, Untrusted{}, Invite{}, Stays{}, PeerList{}, Peer{},
	Sent{}, SearchResult{}, Message{}, RawMessage{}, Verification{}, LabelList{}, MessageLabels{}, AccountList{}, Account{},
	SendRequest{}, SearchRequest{}, VerifyRequest{}, LabelRequest{}, RelabelRequest{}, Relabelled{}, AccountRequest{}, AddressRequest{}, SettingRequest{}, TrustRequest{}, Failure{},
	ForwarderList{}, ForwarderRequest{}, HostedList{}, HostedLists{}, HostedListRequest{}, MemberList{}, MembersRequest{}, BackupRequest{},
	QueueList{}, QueueItem{}, QueueRequest{}, QueueRetried{},
	OrgStanding{}, EventRequest{}, OrgEvent{}, NodeAdded{}, OrgNodeList{}, OrgChanges{}, Applications{}, Application{}, AttestRequest{},
}

// TestViewsKeepTheirFields compares the fields of all views with testdata/version1.txt. A line that is missing there
// is a new field: add it. A line that is only there was removed or renamed, which needs another Version.
func TestViewsKeepTheirFields(t *testing.T) {
	var fields []string
	for _, v := range views {
		listFields(reflect.TypeOf(v), reflect.TypeOf(v).Name(), &fields)
	}
	slices.Sort(fields)
	golden, err := os.ReadFile("testdata/version1.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(golden)), "\n")
	for _, f := range fields {
		if !slices.Contains(want, f) {
			t.Errorf("new: %s", f)
		}
	}
	for _, f := range want {
		if !slices.Contains(fields, f) {
			t.Errorf("gone: %s", f)
		}
	}
}

// A program that reads a list must not have to expect null.
func TestListsAreNeverNull(t *testing.T) {
	for _, doc := range []View{
		&Status{}, &Block{Events: []BlockEvent{{}}}, &OrgList{Orgs: []Org{{}}}, &PinList{}, &Claims{}, &Untrusted{}, &Invite{}, &PeerList{}, &Sent{}, &AccountList{Accounts: []Account{{}}},
		&SearchResult{Messages: []Summary{{}}}, &Message{Verification: &Verification{}}, &RawMessage{}, &LabelList{}, &MessageLabels{}, &Relabelled{}, &Account{},
		&ForwarderList{}, &HostedLists{}, &MemberList{}, &QueueList{Entries: []QueueEntry{{}}}, &QueueItem{}, &QueueRetried{},
		&OrgStanding{}, &OrgEvent{}, &NodeAdded{}, &OrgNodeList{}, &OrgChanges{}, &Applications{Applications: []Application{{}}},
	} {
		var b strings.Builder
		if err := Encode(&b, doc); err != nil || strings.Contains(b.String(), "null") {
			t.Errorf("%T: %v in\n%s", doc, err, b.String())
		}
	}
}

func listFields(t reflect.Type, path string, fields *[]string) {
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[[]byte]():
		*fields = append(*fields, path+" "+t.String())
	case t.Kind() == reflect.Pointer:
		listFields(t.Elem(), path, fields)
	case t.Kind() == reflect.Slice:
		listFields(t.Elem(), path+"[]", fields)
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous:
				listFields(f.Type, path, fields)
			case name == "":
				*fields = append(*fields, path+"."+f.Name+" has no name in JSON")
			default:
				listFields(f.Type, path+"."+name, fields)
			}
		}
	default:
		*fields = append(*fields, path+" "+t.Kind().String())
	}
}
