package record_test

import (
	"strings"
	"testing"

	"cairn/consensus/record"
)

// TestQuotingFooters: what looks as if it quoted another mail, as any mail program does, is no footer; how to write
// to a list is one.
func TestQuotingFooters(t *testing.T) {
	for text, quotes := range map[string]bool{
		// Attributions of Thunderbird, Gmail, Outlook, Apple Mail, Roundcube, Horde, Gnus and Notes.
		"Bob Boss wrote:": true,
		"On Monday, Bob Boss <ann@b.example> wrote:":      true,
		"On Monday, Bob Boss\n<ann@b.example> wrote:":     true,
		"Bob Boss wrote (Monday):":                        true,
		"Bob Boss wrote on Monday to\nall of us\nand Jo:": true,
		"Bob Boss writes :":                               true,
		"Quoting Bob Boss:":                               true,
		"Am Montag schrieb Bob Boss <ann@b.example>:":     true,
		"Am Montag schrieb Bob\nBoss:":                    true,
		"Zitat von Bob Boss:":                             true,
		"Op maandag schreef Bob Boss:":                    true,
		"Le lundi, Bob Boss a écrit\u00a0:":               true,
		"Le lundi, Bob Boss a e\u0301crit :":              true,
		"Bob Boss a dit :":                                true,
		"El lunes, Bob Boss ha escrito:":                  true,
		"El lunes, Bob Boss (ann@b.example) escribió:":    true,
		"Em segunda, Bob Boss escreveu:":                  true,
		"Il giorno lun Bob Boss ha scritto:":              true,
		"Bob Boss a scris:":                               true,
		"Den mandag skrev Bob Boss:":                      true,
		"Bob Boss kirjoitti maanantaina:":                 true,
		"Bob Boss napsal(a):":                             true,
		"Bob Boss napisał(a):":                            true,
		"Bob Boss írta:":                                  true,
		"Bob Boss şunu yazdı:":                            true,
		"Ο χρήστης Bob έγραψε:":                           true,
		"Боб Босс пишет:":                                 true,
		"בוב בוס כתב:":                                    true,
		"كتب بوب:":                                        true,
		"Bob đã viết:":                                    true,
		"Bob 写道:":                                         true,
		"Bob 寫道:":                                         true,
		"Bob さんは書きました:":                                   true,
		"Bob Boss 님이 작성:":                                 true,
		"in no language at all Bob Boss <ann@b.example>:": true,
		// Blocks of a header.
		"From: Bob Boss <ann@b.example>\nSent: Monday\nTo: Jo Doe\nSubject: RE: Figures": true,
		"From: Bob Boss":                      true,
		"*From*: Bob Boss":                    true,
		"Von: Bob Boss\nGesendet: Montag":     true,
		"De : Bob Boss\nEnvoyé : lundi":       true,
		"Sent: Monday\nSubject: Figures":      true,
		"Lähettäjä: Bob Boss\nAihe: Figures":  true,
		"Nadawca: Bob Boss\nTemat: Figures":   true,
		"Отправлено: Monday\n\nТема: Figures": true,
		"发件人: Bob\n主题: Figures":               true,
		// What announces another mail.
		"---------- Forwarded message ---------":      true,
		"----- Forwarded message from Bob Boss -----": true,
		"-----Original Message-----":                  true,
		"-----Ursprüngliche Nachricht-----":           true,
		"-------- Message transféré --------":         true,
		"Begin forwarded message:":                    true,
		"Anfang der weitergeleiteten Nachricht:":      true,
		"Начало переадресованного сообщения:":         true,
		"> Figures":   true,
		"BB> Figures": true,

		"To unsubscribe, send an email to:\nann-leave@b.example":                                false,
		"To leave, write to\nTo: ann-request@b.example\nSubject: unsubscribe":                   false,
		"Um die Liste zu verlassen, schreiben Sie an ann-leave@b.example\nBetreff: unsubscribe": false,
		"Para darte de baja, escribe a:\nann-leave@b.example":                                   false,
		"Absender: Muster GmbH, Vorstand: Jo Doe":                                               false,
		"To subscribe, e-mail: ann-help@b.example\nTo leave, e-mail: ann-leave@b.example":       false,
		"The list of all who wrote to the desk. Topics: mail, lists":                            false,
		"This message was forwarded by the list.":                                               false,
		"The original message may be read by its addressee alone.":                              false,
		"---- The list ----":     false,
		"Datum der Liste: heute": false,
	} {
		err := record.CheckFooter("--\n"+text, "b.example")
		if (err != nil) != quotes || quotes && !strings.HasSuffix(err.Error(), "quoted another mail") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
