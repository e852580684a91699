package record

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// quoting reports whether a text looks in part as if it quoted another mail, by any of what mail
// programs put on or above what they quote: what stands there answers somebody or is somebody's, as
// in an author's text and no footer.
func quoting(text []byte) bool {
	from, labels := false, map[string]bool{}
	paragraph := ""
	for line := range strings.Lines(plain(string(text))) {
		paragraph += line
		if strings.TrimSpace(line) == "" {
			paragraph = ""
		}
		if !isRule(line) && quoted.MatchString(line) || attributes(paragraph) || announces(line) {
			return true
		}
		if label := headerLabel(line); label != "" {
			labels[label] = true
			from = from || label == "from" && strings.ContainsRune(line, '@')
		}
	}
	return from || len(labels) > 1 && (labels["from"] || labels["sender"] || labels["date"])
}

// plain is text as the tables here have it: in NFKC and small letters, the i that has no dot and
// the I that has one as the others.
func plain(text string) string {
	return dotted.Replace(strings.ToLower(norm.NFKC.String(text)))
}

var dotted = strings.NewReplacer("ı", "i", "i\u0307", "i")

// quoted is how mail programs and people begin a line that is quoted, some with who wrote it.
var quoted = regexp.MustCompile(`^\s*(?:[|:}#>\x{203a}\x{fe65}\x{bb}\x{276f}\x{227b}\x{27e9}\x{3009}]|[^\s<>]{1,12}>)`)

// colons are those that may end an attribution, in NFKC, and what looks like one.
const colons = ":︓∶꞉ː։׃܃"

// attributes reports whether a paragraph says at its end who wrote what follows: it ends in a
// colon, and its last sentence has a word for writing in it, or an address in angle brackets right
// before the colon, whatever the language.
func attributes(paragraph string) bool {
	paragraph = strings.TrimSpace(paragraph)
	who := strings.TrimSpace(strings.TrimRight(paragraph, colons))
	if !strings.ContainsAny(strings.TrimPrefix(paragraph, who), colons) {
		return false
	}
	if strings.HasSuffix(who, ">") && strings.ContainsRune(who, '@') {
		return true
	}
	if ends := sentenceEnd.FindAllStringIndex(who, -1); ends != nil {
		who = who[ends[len(ends)-1][1]:]
	}
	words := padded(who)
	return slices.ContainsFunc(writes, func(verb string) bool { return strings.Contains(words, verb) }) ||
		slices.ContainsFunc(writesLast, func(verb string) bool { return strings.HasSuffix(words, verb) }) ||
		slices.ContainsFunc(writesUnparted, func(verb string) bool { return strings.Contains(words, verb) }) ||
		slices.ContainsFunc(writesUnpartedLast, func(verb string) bool { return strings.HasSuffix(strings.TrimSpace(words), verb) })
}

// sentenceEnd is what ends a sentence: a full stop only behind a word too long for a title or month
// that is shortened.
var sentenceEnd = regexp.MustCompile(`(?:\pL{4}\.|[!?])[\s)]+|[。！？]`)

// padded is text as its words, a blank around each.
func padded(text string) string { return " " + strings.Join(wordsOf(text), " ") + " " }

// eachPadded is a table as lines are compared with it.
func eachPadded(table ...string) []string {
	for i, entry := range table {
		table[i] = padded(plain(entry))
	}
	return table
}

// writes are the words for writing in what mail programs and people put above what they quote.
var writes = eachPadded(
	"wrote", "writes", "said", "quoting",
	"schrieb", "schreibt", "zitat von", "schreef", "schrijft", "geschreven", // German, Dutch
	"a écrit", "écrivait", "a dit", "ha escrit", "va escriure", "escribió", "ha escrito", "escreveu", // French, Catalan, Spanish, Portuguese
	"ha scritto", "scrisse", "scrive", "a scris", // Italian, Romanian
	"skrev", "skrifaði", "kirjoitti", "kirjutas", // Danish, Norwegian, Swedish, Icelandic, Finnish, Estonian
	"napsal", "napsala", "napísal", "napísala", "napisał", "napisała", "pisze", "napisao", "napisala", "napisal", "piše", // Czech, Slovak, Polish, Croatian, Slovenian
	"írta", "yazdı", "rakstīja", "parašė", "rašė", "idatzi du", "shkroi", "ysgrifennodd", "scríobh", // Hungarian, Turkish, Baltic, Basque, Albanian, Welsh, Irish
	"έγραψε", "пишет", "написал", "написала", "пише", "написав", "напісаў", "написа", // Greek, Russian, Ukrainian, Belarusian, Bulgarian
	"כתב", "כתבה", "كتب", "كتبت", "نوشت", "ने लिखा", "লিখেছেন", // Hebrew, Arabic, Persian, Hindi, Bengali
	"đã viết", "sumulat", // Vietnamese, Filipino
	"geskryf", "escribiu", "написао", "напиша", "писал", "писала", // Afrikaans, Galician, Serbian, Macedonian, Russian
)

// writesLast are those that are words for how to write too, and attribute right before the colon
// alone.
var writesLast = eachPadded("menulis", "escribe", "écrit", "skriver", "kirjoittaa", "geschrieben")

// writesUnparted are those of languages in which words are not parted, and writesUnpartedLast of
// these those right before the colon.
var (
	writesUnparted     = []string{"写道", "寫道", "書きました", "書いた", "썼습니다", plain("เขียนว่า")}
	writesUnpartedLast = []string{"撰写", "작성"}
)

// announces reports whether a line says that another mail follows, and nothing else, or whose it is
// between rules or before a colon.
func announces(line string) bool {
	words, line := padded(line), strings.TrimSpace(line)
	framed := strings.HasPrefix(line, "--") || strings.HasPrefix(line, "==") || strings.HasPrefix(line, "__") || strings.HasPrefix(line, "**") ||
		strings.TrimRight(line, colons) != line
	return slices.ContainsFunc(announcements, func(a string) bool { return words == a || framed && strings.HasPrefix(words, a) })
}

// announcements are what mail programs put above a mail that they quote or send on, in small
// letters.
var announcements = eachPadded(
	"original message", "original appointment", "original email", "forwarded message", "begin forwarded message", "forwarded mail",
	"start of forwarded message", "reply message", "mail original", "forwarded by", "forwarded from", "weitergeleitet von", "transféré par", "inoltrato da",
	"ursprüngliche nachricht", "originalnachricht", "original nachricht", "weitergeleitete nachricht", "weitergeleitete e mail", "anfang der weitergeleiteten nachricht", "ursprünglicher termin",
	"oorspronkelijk bericht", "origineel bericht", "doorgestuurd bericht", "begin doorgestuurd bericht",
	"message d origine", "message original", "message transféré", "message transmis", "début du message transféré", "début du message réexpédié",
	"mensaje original", "mensaje reenviado", "inicio del mensaje reenviado", "missatge original", "missatge reenviat",
	"mensagem original", "mensagem encaminhada", "mensagem reencaminhada", "início da mensagem encaminhada", "início da mensagem reencaminhada",
	"messaggio originale", "messaggio inoltrato", "inizio messaggio inoltrato", "mesajul original", "mesaj original", "mesaj redirecționat", "mesaj transmis mai departe",
	"ursprungligt meddelande", "originalmeddelande", "vidarebefordrat meddelande", "vidarebefordrat brev", "vidarebefordrat mejl",
	"oprindelig meddelelse", "original meddelelse", "videresendt meddelelse", "videresendt besked", "start på videresendt besked",
	"opprinnelig melding", "original melding", "videresendt melding", "alkuperäinen viesti", "edelleenlähetetty viesti", "välitetty viesti", "algkiri", "edastatud kiri",
	"wiadomość oryginalna", "oryginalna wiadomość", "wiadomość przekazana dalej", "przekazana wiadomość", "treść przekazanej wiadomości",
	"původní zpráva", "přeposlaná zpráva", "pôvodná správa", "preposlaná správa", "izvorna poruka", "proslijeđena poruka", "izvirno sporočilo", "posredovano sporočilo",
	"eredeti üzenet", "továbbított üzenet", "továbbított levél", "orijinal mesaj", "özgün ileti", "orijinal ileti", "iletilen mesaj", "yönlendirilmiş ileti", "iletilmiş mesaj",
	"αρχικό μήνυμα", "προωθημένο μήνυμα", "исходное сообщение", "пересылаемое сообщение", "перенаправленное сообщение", "пересланное сообщение", "начало переадресованного сообщения", "оригинальное сообщение",
	"початкове повідомлення", "переслане повідомлення", "оригінальне повідомлення", "оригинално съобщение", "препратено съобщение",
	"הודעה מקורית", "הודעה שהועברה", "الرسالة الأصلية", "رسالة محولة", "رسالة معاد توجيهها", "پیام اصلی",
	"thư gốc", "tin nhắn gốc", "pesan asli", "pesan terusan", "ข้อความต้นฉบับ", "ข้อความที่ส่งต่อ",
	"原始邮件", "邮件原件", "转发的邮件", "转发邮件信息", "已转发邮件", "原始郵件", "轉寄的郵件", "轉寄郵件", "元のメッセージ", "転送されたメッセージ", "転送メッセージ", "원본 메시지", "원본 메일", "전달된 메시지",
)

// headerLabel says which field of a header a line is for people, empty if none.
func headerLabel(line string) string {
	at := strings.IndexAny(line, colons)
	if at < 0 {
		return ""
	}
	return labelled()[strings.TrimFunc(line[:at], func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M) })]
}

// labelled are the fields by label.
var labelled = sync.OnceValue(func() map[string]string {
	fields := map[string]string{}
	for field, labels := range headerLabels {
		for _, label := range labels {
			fields[plain(label)] = field
		}
	}
	return fields
})

// headerLabels are what mail programs in their languages call the fields above a mail that they
// quote, in small letters. A sender is one of goods too, and how to leave a list may say to whom to
// write, with what subject.
var headerLabels = map[string][]string{
	"from": {
		"from", "von", "van", "de", "da", "de la", "fra", "från", "frá", "od", "kellelt", "kimden", "από", "от", "від", "от кого", "від кого",
		"מאת", "من", "از", "nuo", "nga", "dari", "từ", "จาก", "发件人", "寄件者", "寄件人", "差出人", "보낸 사람", "보낸사람",
		"no", "од", "daripada", "발신자", "発信者", "发信人", "寄信人", "gesendet von", "envoyé par", "sent by",
	},
	"sender": {
		"sender", "absender", "afzender", "afsender", "avsender", "avsändare", "expéditeur", "expeditor", "remitente", "remitent", "remetente", "mittente",
		"lähettäjä", "saatja", "feladó", "gönderen", "odesílatel", "odosielateľ", "nadawca", "pošiljatelj", "αποστολέας", "отправитель", "відправник", "подател",
		"שולח", "المرسل", "فرستنده", "pengirim", "người gửi", "ผู้ส่ง", "प्रेषक", "送信者", "보낸 이",
	},
	"date": {
		"date", "sent", "sent on", "datum", "gesendet", "gesendet am", "verzonden", "verzonden op", "envoyé", "envoyé le", "fecha", "enviado", "enviado el", "enviat", "data", "enviada", "enviada em", "enviado em",
		"inviato", "data invio", "trimis", "dată", "dato", "sendt", "skickat", "skickad", "sent dags", "lähetetty", "päiväys", "päivämäärä", "kuupäev", "saadetud", "odesláno", "odoslané", "dátum", "elküldve", "wysłano", "wysłane", "poslano",
		"tarih", "gönderildi", "gönderme tarihi", "ημερομηνία", "στάλθηκε", "дата", "отправлено", "надіслано", "изпратено", "תאריך", "נשלח", "التاريخ", "تاريخ الإرسال", "تاریخ", "tanggal", "dikirim", "ngày", "đã gửi", "วันที่", "ส่ง", "दिनांक",
		"日期", "发送时间", "发送日期", "寄件日期", "傳送時間", "送信日時", "日付", "日時", "보낸 날짜", "날짜",
	},
	"to": {
		"to", "an", "aan", "à", "a", "para", "per a", "til", "till", "vastaanottaja", "saaja", "komu", "do", "za", "címzett", "kime", "alıcı", "către", "προς", "кому", "до", "אל", "إلى", "به", "kepada", "đến", "ถึง", "प्रति",
		"cc", "kopie", "kopia", "kopi", "kopio", "copie", "копия", "копія", "másolatot kap", "bilgi", "收件人", "收件者", "抄送", "副本", "宛先", "받는 사람", "받는사람", "참조",
	},
	"subject": {
		"subject", "betreff", "onderwerp", "objet", "asunto", "assumpte", "assunto", "oggetto", "subiect", "emne", "ämne", "efni", "aihe", "teema", "předmět", "predmet", "temat", "zadeva", "naslov", "tárgy", "konu", "θέμα",
		"тема", "относно", "נושא", "الموضوع", "موضوع", "subyek", "perihal", "chủ đề", "tiêu đề", "เรื่อง", "หัวเรื่อง", "विषय", "主题", "主旨", "主題", "件名", "제목",
	},
}
