package message_test

import "strings"

// ownMessage is a message of each kind that the tests of version 2 start from. Line ends are LF.
type ownMessage struct{ name, raw string }

const ownHead = "Received: from a.example (a.example [192.0.2.1])\n by b.example with ESMTPS; Wed, 25 Nov 2026 10:00:01 +0000\n" +
	"From: \"Lee, Ann\" <Ann@A.example>\nTo: Bo <bo@b.example>, team: c@c.example, =?utf-8?Q?D=C3=A4?= <d@d.example>;\n" +
	"Subject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from  us\nDate: Wed, 25 Nov 2026 11:00:00 +0100 (CET)\n" +
	"Message-ID: <1@a.example>\nReferences: <0@b.example>\n <2@b.example>\nX-Mailer: own (1)\nStatus: RO\nMIME-Version: 1.0\n"

var ownMessages = []ownMessage{
	{"plain", "From: a@b.example\nTo: c@d.example\nSubject: Hello\nDate: 25 Nov 2026 11:00:00 +0000\nMessage-ID: <1@b.example>\n\nHello,\n\nall is well. \n-- \nA\n"},
	{"quoted", ownHead + "Content-Type: text/plain; charset=utf-8; format=flowed\nContent-Transfer-Encoding: quoted-printable\n\n" +
		"Gr=C3=BC=C3=9Fe \nan alle,=\n und so fort.\n\n> zitiert=20\n> und =3D weiter\n"},
	{"alternative", ownHead + "Content-Type: multipart/alternative; boundary=\"=_b1\"\n\nThis is MIME.\n\n--=_b1\nContent-Type: text/plain; charset=\"iso-8859-1\"\n" +
		"Content-Transfer-Encoding: 8bit\n\nGr\xfc\xdfe\n--=_b1\nContent-Type: text/html; charset=us-ascii\nContent-ID: <x@y>\n\n<p>Gr&uuml;&szlig;e</p>\n--=_b1--\n"},
	{"attachments", ownHead + "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nsee there\n--o\nContent-Type: application/pdf; name=a.pdf\n" +
		"Content-Disposition: attachment;\n filename*=utf-8''%C3%A4.pdf; size=4\nContent-Transfer-Encoding: base64\nContent-Description: a =?utf-8?b?w6Q=?=\n\nJVBERi0x\nLg==\n" +
		"--o\nContent-Type: text/csv\nContent-Transfer-Encoding: quoted-printable\nContent-Disposition: attachment; filename=\"a b.csv\"\n\na,b\n1,2\n--o--\n\nbye\n"},
	{"embedded", ownHead + "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nforwarded\n--o\nContent-Type: message/rfc822\n\n" +
		"From: x@y.example\nReceived: from q\nSubject: inner\nContent-Type: text/plain; charset=utf-8\n\ninner text\n--o--\n"},
	{"report", ownHead + "Content-Type: multipart/report; report-type=delivery-status; boundary=o\n\n--o\n\nnot delivered\n--o\nContent-Type: message/delivery-status\n\n" +
		"Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; b@b.example\nAction: failed\nStatus: 5.1.1\n--o--\n"},
	{"charsets", "From: a@b.example\nSubject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\nMIME-Version: 1.0\nContent-Type: text/plain; charset=gb2312\n\n\xd6\xd0\xce\xc4\n"},
	{"html alone", "From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/html\n\n<meta charset=\"windows-1251\"><p>\xcf\xf0\xe8\n"},
	{"digest", "From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/digest; boundary=o\n\n--o\n\nFrom: Ann <x@y.example>\nTo: Bo <b@b.example>, a@a.example\nSubject: inner\n\none\n--o\n" +
		"Content-Type: text/plain\n\ntwo\n--o--\n"},
	{"open and loose", "From: a@b.example\nImportance: =?utf-8?q?high?=\nX-Note: =?utf-8?q?=C3=A4?=\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Transfer-Encoding: 8bit;\n\none\n" +
		"--o\nContent-Type: application/pgp-signature; name=\"\"\n\nsigned\n"},
	{"many", "From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n" + strings.Repeat("--o\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\nAP8=\n", 10) + "--o--\n"},
	{"outside", "From: a@b.example, \"x\\\"y\" <c@d.example>\nSubject: =?x-none?q?a?=\nDate: today\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b\nContent-Type: text/plain; charset=x-none\n\nGr\xfc\xdfe\n--a b--\n"},
}
