package api

import (
	"strings"
	"testing"

	"cairn/node/api/apitest"
)

// views are all documents and requests that cross the socket.
var views = []any{
	Status{}, ChainStatus{}, Block{}, OrgList{}, Pin{}, PinList{}, Claims{}, Untrusted{}, Transport{}, TransportRequest{}, Invite{}, Stays{}, PeerList{}, Peer{},
	Sent{}, SearchResult{}, NamedQueries{}, QueriesRequest{}, NamedQueryRequest{}, Message{}, RawMessage{}, Verification{}, LabelList{}, MessageLabels{}, AccountList{}, Account{},
	SendRequest{}, SearchRequest{}, VerifyRequest{}, LabelRequest{}, RelabelRequest{}, Relabelled{}, AccountRequest{}, AddressRequest{}, Forwards{}, ForwardRequest{}, SettingRequest{}, PasswordRequest{}, AppRequest{}, NewAppPassword{}, TrustRequest{}, Failure{},
	ForwarderList{}, ForwarderRequest{}, HostedList{}, HostedLists{}, HostedListRequest{}, MemberList{}, MembersRequest{}, BackupRequest{},
	QueueList{}, QueueItem{}, QueueSelection{}, QueueRequest{}, QueueRetried{}, QueueDrop{}, QueueChanged{}, Suppressed{}, SuppressedList{}, SuppressRequest{}, ReportRequest{}, ReportList{}, Report{}, SentReportList{}, LimitList{}, ForgiveRequest{}, Forgiven{}, TLSKeys{}, DKIMKeys{}, DoctorRequest{}, Diagnosis{},
	OrgStanding{}, EventRequest{}, OrgEvent{}, NodeAdded{}, OrgNodeList{}, OrgChanges{}, Applications{}, Application{}, AttestRequest{},
}

// TestViewsKeepTheirFields holds all views to testdata/version1.txt.
func TestViewsKeepTheirFields(t *testing.T) {
	apitest.KeepFields(t, "testdata/version1.txt", views)
}

// A program that reads a list must not have to expect null.
func TestListsAreNeverNull(t *testing.T) {
	for _, doc := range []View{
		&Status{}, &Block{Events: []BlockEvent{{}}}, &OrgList{Orgs: []Org{{}}}, &PinList{}, &Claims{}, &Untrusted{}, &Transport{}, &Invite{}, &PeerList{}, &Sent{}, &AccountList{Accounts: []Account{{}}},
		&SearchResult{Messages: []Summary{{}}}, &NamedQueries{}, &Message{Verification: &Verification{}}, &RawMessage{}, &LabelList{}, &MessageLabels{}, &Relabelled{}, &Account{}, &Forwards{}, &NewAppPassword{},
		&ForwarderList{}, &HostedLists{}, &MemberList{}, &QueueList{Entries: []QueueEntry{{}}}, &QueueItem{}, &QueueRetried{}, &QueueChanged{}, &Suppressed{}, &SuppressedList{}, &ReportList{Reports: []ReportSummary{{}}}, &Report{}, &LimitList{}, &Forgiven{}, &TLSKeys{}, &DKIMKeys{Keys: []DKIMKey{{}}}, &Diagnosis{Findings: []Finding{{}}},
		&OrgStanding{}, &OrgEvent{}, &NodeAdded{}, &OrgNodeList{}, &OrgChanges{}, &Applications{Applications: []Application{{}}},
	} {
		var b strings.Builder
		if err := Encode(&b, doc); err != nil || strings.Contains(b.String(), "null") {
			t.Errorf("%T: %v in\n%s", doc, err, b.String())
		}
	}
}
