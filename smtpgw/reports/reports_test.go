package reports

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
)

const small = `<?xml version="1.0"?><feedback><report_metadata><org_name>Far</org_name><report_id>1</report_id><date_range><begin>1</begin><end>86400</end></date_range></report_metadata>
<policy_published><domain>A.example</domain><p>reject</p><pct>50</pct></policy_published>
<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition><dkim>Pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>a.example</header_from></identifiers></record>
<record><row><source_ip>2001:db8::1</source_ip><count>2</count><policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row></record></feedback>`

const smallTLS = `{"organization-name":"Far","report-id":"2","date-range":{"start-datetime":"2026-11-28T00:00:00Z","end-datetime":"2026-11-28T23:59:59Z"},
"policies":[{"policy":{"policy-type":"sts","policy-domain":"a.example"},"summary":{"total-successful-session-count":5,"total-failure-session-count":1},"failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.a.example","failed-session-count":1}]}]}`

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, texts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, text := range texts {
		f, err := w.Create(fmt.Sprintf("%d.xml", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFind(t *testing.T) {
	for name, raw := range map[string][]byte{
		"as it is": []byte("\xef\xbb\xbf\n" + small), "gzip": gzipped(t, []byte(small)), "zip": zipped(t, "a note", small),
		"mail": []byte("From: x@far.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/xml\r\n\r\n" + strings.ReplaceAll(small, "\n", "\r\n") + "\r\n--b--\r\n"),
	} {
		found, err := Find(raw)
		if err != nil || len(found) != 1 || found[0].DMARC == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d := found[0].DMARC
		passed, failed := d.Sums()
		if d.Domain != "a.example" || d.Policy != "reject" || !d.Testing || len(d.Rows) != 2 || passed != 3 || failed != 2 || found[0].Org != "Far" || found[0].End.Unix() != 86400 || d.Rows[1].Source != "2001:db8::1" {
			t.Errorf("%s: %+v, %+v", name, found[0], d)
		}
	}
	found, err := Find(gzipped(t, []byte(smallTLS)))
	if err != nil || len(found) != 1 || found[0].TLS == nil || fmt.Sprintf("%+v", found[0].TLS.Policies) != "[{Domain:a.example Kind:sts Succeeded:5 Failed:1 Failures:[{Kind:certificate-expired Host:mx.a.example Reason: Count:1 Sender: Receiver:}] Strings:[] MX:[]}]" {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestBounds: what is too much, or no report, is an error, soon.
func TestBounds(t *testing.T) {
	deep := strings.Repeat("<x>", 100)
	rows := strings.Repeat("<record></record>", maxRows+1)
	for name, tt := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":          {nil, ErrNone},
		"a mail":           {[]byte("From: a@b.example\r\n\r\nhello\r\n"), ErrNone},
		"a bomb":           {gzipped(t, bytes.Repeat([]byte(" "), maxUnpacked+1)), ErrBounds},
		"a zip bomb":       {zipped(t, small, strings.Repeat(" ", maxUnpacked)), ErrBounds},
		"many files":       {zipped(t, make([]string, maxFiles+1)...), ErrBounds},
		"packed twice":     {gzipped(t, gzipped(t, []byte(small))), ErrMalformed},
		"cut off":          {gzipped(t, []byte(small))[:100], ErrMalformed},
		"half":             {[]byte(small[:300]), ErrMalformed},
		"deep":             {[]byte("<feedback>" + deep), ErrBounds},
		"many rows":        {[]byte("<feedback>" + rows + "</feedback>"), ErrBounds},
		"another document": {[]byte("<?xml version='1.0'?><html></html>"), ErrMalformed},
		"an entity":        {[]byte("<?xml version='1.0'?><!DOCTYPE f [<!ENTITY a 'aaaa'>]><feedback><policy_published><domain>&a;</domain></policy_published></feedback>"), ErrMalformed},
		"a count of words": {[]byte(strings.Replace(small, ">3<", ">many<", 1)), ErrMalformed},
		"a huge count":     {[]byte(strings.Replace(small, ">3<", ">99999999999999<", 1)), ErrMalformed},
		"no address":       {[]byte(strings.Replace(small, "192.0.2.1", "host", 1)), ErrMalformed},
		"no domain":        {[]byte("<feedback></feedback>"), ErrMalformed},
		"JSON of another":  {[]byte(`{"a": 1}`), ErrMalformed},
		"many policies":    {gzipped(t, []byte(`{"policies":[`+strings.Repeat("{},", maxValues)+`{}]}`)), ErrBounds},
		"many failures":    {gzipped(t, []byte(`{"policies":[{"failure-details":["\\\"",`+strings.Repeat("0,", maxValues)+`{}]}]}`)), ErrBounds},
		"many attributes":  {gzipped(t, []byte("<feedback"+strings.Repeat(` b=""`, maxToken/5)+"></feedback>")), ErrBounds},
		"a long text":      {[]byte("<feedback>" + strings.Repeat("x", maxToken) + "</feedback>"), ErrBounds},
		"half of JSON":     {[]byte(smallTLS[:100]), ErrMalformed},
		"less than none":   {[]byte(strings.Replace(smallTLS, ":5,", ":-5,", 1)), ErrMalformed},
	} {
		if found, err := Find(tt.raw); !errors.Is(err, tt.want) || found != nil {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

// What a mail has of them is bounded together, however many files that is.
func TestReportsOfAMailShareTheirBound(t *testing.T) {
	large := strings.Replace(small, "<record>", strings.Repeat("<x>"+strings.Repeat(" ", maxToken/2)+"</x>", 300)+"<record>", 1)
	part := "--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(gzipped(t, []byte(large))) + "\r\n"
	for parts, want := range map[int]int{1: 1, 2: 1, 5: 1} {
		found, err := Find([]byte("From: x@far.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat(part, parts) + "--b--\r\n"))
		if err != nil || len(found) != want {
			t.Errorf("of %d: %d reports, %v", parts, len(found), err)
		}
	}
}

// TestSamples reads what servers have really sent.
func TestSamples(t *testing.T) {
	auth := filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth")
	read := 0
	for _, pattern := range []string{"parsedmarc-samples/aggregate/*", "parsedmarc-samples/extract_report/*", "parsedmarc-samples/smtp_tls/*", "stalwart-mail-auth/dmarc-feedback/*.xml", "stalwart-mail-auth/tlsrpt/*.json"} {
		files, err := filepath.Glob(filepath.Join(auth, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found, err := Find(raw)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			read += len(found)
		}
	}
	t.Logf("%d reports", read)
}

// Whatever comes, there is an error or figures within bounds.
func FuzzFind(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(smallTLS))
	f.Add(gzipped(f, []byte(smallTLS)))
	f.Add(zipped(f, small))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := Find(raw)
		if (err == nil) != (len(found) > 0) || len(found) > maxFiles+1 {
			t.Fatalf("%d, %v", len(found), err)
		}
		for _, r := range found {
			for _, s := range []string{r.ID, r.Org, r.Contact} {
				if len(s) > maxText || strings.ContainsAny(s, "\r\n\x1b") {
					t.Fatalf("%q", s)
				}
			}
		}
	})
}
