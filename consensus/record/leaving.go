package record

import "strings"

// leavingSentences are those in which list software that sets nothing apart says how to leave, in
// its languages, the address for that in the place of "%".
var leavingSentences = []string{
	"To unsubscribe send a mail to %", // mlmmj
	"To unsubscribe, send a mail to %",
	"To unsubscribe send an email to %", // Mailman 3
	"To unsubscribe, send an email to %",
	"To unsubscribe from this list, send an email to %",
	"To unsubscribe, e-mail: %",                          // ezmlm
	"To unsubscribe from this group, send an email to %", // Google Groups
	"To unsubscribe from this group and stop receiving emails from it, send an email to %",
	"Wenn Sie sich von dieser Gruppe abmelden und keine E-Mails mehr von dieser Gruppe erhalten möchten, senden Sie eine E-Mail an %",
	"Pour vous désabonner de ce groupe et ne plus recevoir d'e-mails le concernant, envoyez un e-mail à l'adresse %",
	"Para cancelar la suscripción a este grupo y dejar de recibir sus mensajes, envía un correo electrónico a %",
	"Para anular tu suscripción a este grupo, envía un correo electrónico a %",
	"Para anular la suscripción a este grupo y dejar de recibir sus mensajes, envía un correo electrónico a %",
	"Para cancelar inscrição nesse grupo e parar de receber e-mails dele, envie um e-mail para %",
	"Per annullare l'iscrizione a questo gruppo e non ricevere più le sue email, invia un'email a %",
	"Als u zich wilt afmelden bij deze groep en geen e-mails van de groep meer wilt ontvangen, stuurt u een e-mail naar %",
}

// isLeaving reports whether text behind the author's is how to leave the known list: one of these
// sentences in a line behind an empty one. Any other words that nothing sets apart would be the
// author's to who reads them.
func (own owners) isLeaving(text string) bool {
	line, ok := strings.CutPrefix(text, "\n\n")
	line = strings.TrimSuffix(strings.TrimSpace(line), ".")
	if !ok || own.posting == "" {
		return false
	}
	local, domain, _ := strings.Cut(own.posting, "@")
	for _, sentence := range leavingSentences {
		for _, address := range []string{local + "+unsubscribe@" + domain, local + "-unsubscribe@" + domain} {
			if line == strings.Replace(sentence, "%", address, 1) || line == strings.Replace(sentence, "%", "<"+address+">", 1) {
				return true
			}
		}
	}
	return false
}
