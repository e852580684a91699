package readers

import "testing"

func TestExceptions(t *testing.T) {
	const parts = "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
	const end, other = "\r\nx\r\n--o--\r\n", "Subject: x\r\n\r\nx\r\n"
	for _, tt := range []struct {
		name, a, b string
		when       func(sent, received []byte) bool
		want       bool
	}{
		{"same types", "Content-Type: text/plain\r\n", "content-type: text/plain; a=b\r\n",
			typesDiffer, false},
		{"a type more", "", "Content-Type: text/plain\r\n", typesDiffer, true},
		{"capitals", "Content-Type: text/plain\r\n", "Content-Type: TEXT/Plain\r\n", typesDiffer,
			true},
		{"another type", "Content-Type: text/plain\r\n", "Content-Type: text/html\r\n", typesDiffer,
			false},
		{"untyped part", parts + end, other, anyUntyped, true},
		{"typed part", parts + "Content-Type: text/plain\r\n" + end, other, anyUntyped, false},
		{"untyped mail", other, other, anyUntyped, false},
		{"relay and no date", "Date: 03/10/2024\r\n", "Received: x\r\nDate: 03/10/2024\r\n",
			datedByRelay, true},
		{"relay, and the date in the body", "A: b\r\n\r\nDate: Sun, 10 Mar 2024 10:44:31 +0000\r\n",
			"Received: x\r\nA: b\r\n\r\nDate: Sun, 10 Mar 2024 10:44:31 +0000\r\n",
			datedByRelay, true},
		{"no relay and no date", "Date: 03/10/2024\r\n", "Date: 03/11/2024\r\n", datedByRelay,
			false},
		{"relay and a date", "Date: Sun, 10 Mar 2024 10:44:31 +0000\r\n",
			"Received: x\r\nDate: Sun, 10 Mar 2024 10:44:31 +0000\r\n", datedByRelay, false},
		{"named by the type beside a disposition", other, "Content-Type: image/png; name=a\r\n" +
			"Content-Disposition: inline\r\n\r\nx\r\n", namedByTypeAlone, true},
		{"named by the type alone", other, "Content-Type: image/png; name=a\r\n\r\nx\r\n",
			namedByTypeAlone, false},
		{"named twice", other, "Content-Type: image/png; name=a\r\n" +
			"Content-Disposition: inline; filename=a\r\n\r\nx\r\n", namedByTypeAlone, false},
		{"text like a header", other, "Subject: x\r\n\r\nContent-Type: x\r\n", beginsLikeHeader, true},
		{"text like a longer header", other, "Subject: x\r\n\nTo: x\r\n y\r\nContent-Type: x\r\n", beginsLikeHeader, true},
		{"text like a header further down", other, "Subject: x\r\n\r\nx\r\n\r\nContent-Type: x\r\n", beginsLikeHeader, false},
		{"words of a name", "To: =?utf-8?Q?a?=\r\n =?utf-8?Q?b?= <x@y>\r\n", other, wordsBeside, true},
		{"words of a subject", "To: x@y\r\nSubject: =?utf-8?Q?a?= =?utf-8?Q?b?=\r\n", other, wordsBeside, false},
		{"octets of no letter in 8bit", "Content-Type: text/plain; charset=greek\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xd2\r\n",
			"Content-Type: text/plain; charset=greek\r\nContent-Transfer-Encoding: base64\r\n\r\n0g0K\r\n", octetsOfNoLetter, true},
		{"letters in 8bit", "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xd2\r\n",
			"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\n0g0K\r\n", octetsOfNoLetter, false},
		{"a NUL in base64", other, "Content-Transfer-Encoding: BASE64\r\n\r\neA\x00==\r\n", junkInBase64, true},
		{"a disposition that nobody knows", other, "Content-Type: text/html\r\nContent-Disposition: x-hidden\r\n\r\nx\r\n", otherDisposition, true},
		{"a file with one", other, "Content-Type: image/png\r\nContent-Disposition: x-hidden\r\n\r\nx\r\n", otherDisposition, false},
		{"an inline text", other, "Content-Type: text/html\r\nContent-Disposition: inline; x=y\r\n\r\nx\r\n", otherDisposition, false},
		{"more behind padding", other, "Content-Transfer-Encoding: base64\r\n\r\neA=3D=\r\n\r\n", junkInBase64, true},
		{"base64", other, "Content-Transfer-Encoding: base64\r\n\r\neA=\r\n=\r\n\r\n", junkInBase64, false},
		{"a group that is not whole", other, "Content-Transfer-Encoding: base64\r\n\r\neHh4\r\neA\r\n", junkInBase64, true},
		{"a NUL in a text", other, other + "\x00", junkInBase64, false},
		{"a charset that is not ASCII", "Subject: =?iso-2022-jp\xe9?B?eA==?=\r\n", other, charsetNotASCII, true},
		{"a word that is not ASCII", "Subject: =?utf-8?Q?\u00e9?=\r\n", other, charsetNotASCII, false},
	} {
		if got := tt.when([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
