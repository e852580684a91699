package record

import (
	"strings"
	"testing"
)

// TestScreeningTags: words of a closed table, in the wrappers of programs that screen mail, and
// nothing else.
func TestScreeningTags(t *testing.T) {
	for subject, want := range map[string]string{
		"*****SPAM***** Figures": "*****SPAM*****", "***SPAM*** Figures": "***SPAM***", "*** Spam 5.2 *** Figures": "*** Spam 5.2 ***",
		"{Spam?} Figures": "{Spam?}", "{Disarmed} Figures": "{Disarmed}", "(External) Figures": "(External)", "EXTERNAL: Figures": "EXTERNAL:",
		"SPAM: Figures": "SPAM:", "<EXT> Figures": "<EXT>", "**EXTERN** Figures": "**EXTERN**", "*EXT* Figures": "*EXT*",
		"Spam> Figures": "Spam>", "[ EXTERNAL ] Figures": "[ EXTERNAL ]", "[Ext] - Figures": "[Ext] -", "[EXTERNAL EMAIL] - Figures": "[EXTERNAL EMAIL] -",
		"[!! SPAM] Figures": "[!! SPAM]", "[WARNING: ATTACHMENT REMOVED] Figures": "[WARNING: ATTACHMENT REMOVED]",
		"[Warning: External] Figures": "[Warning: External]", "[Spam score 5.2] Figures": "[Spam score 5.2]", "[SPAM]": "[SPAM]",
		"[WARNING : A/V UNSCANNABLE] Figures": "[WARNING : A/V UNSCANNABLE]", "[WARNING : VIRUS REMOVED] Figures": "[WARNING : VIRUS REMOVED]",
		"[WARNING: MESSAGE ENCRYPTED] Figures": "[WARNING: MESSAGE ENCRYPTED]", "[SUSPECTED SPAM] Figures": "[SUSPECTED SPAM]",
		"{Filename?} Figures": "{Filename?}", "{Fraud?} Figures": "{Fraud?}", "{Size} Figures": "{Size}", "{Virus?} Figures": "{Virus?}",
		"{Dangerous Content?} Figures": "{Dangerous Content?}", "{Definitely Spam?} Figures": "{Definitely Spam?}", "***INFECTED*** Figures": "***INFECTED***",
		"[\u26a0\ufe0f EXTERNAL] Figures": "[\u26a0\ufe0f EXTERNAL]", "[\u26a0 EXTERNAL] Figures": "[\u26a0 EXTERNAL]", "【外部】 Figures": "【外部】", "【外部】Figures": "【外部】", "[外部] Figures": "[外部]",
		"［EXTERNAL］ Figures": "［EXTERNAL］", "EXT - Figures": "EXT -", "CAUTION: EXTERNAL - Figures": "CAUTION: EXTERNAL -",
		"【外部请付款】 Figures": "", "【外部】5000": "", "外部: Figures": "", "[\u26a0\u26a0 EXTERNAL] Figures": "", "[\u26a0 ſpam] Figures": "", "[EXTERNAL］ Figures": "", "{Figures?} Figures": "",
		"[WARNING : PAY EVE] Figures": "", "Size - Figures": "", "Filename: Figures": "", "Spam -5000": "", "Fraud: Figures": "",
		"SPAM Figures": "", "External Figures": "", "{Figures} of May": "", "***PAY*** Figures": "", "(paid) Figures": "", "[Spam score 5.2 EUR] Figures": "",
		"[SPAM}Figures": "", "[SPAM}": "", "[SPAM] Figures EXT:": "[SPAM]", "EXTERNAL:Figures": "", "*SPAM*5000": "", "[ſpam] Figures": "",
		"[Spam 1200] Figures": "", "spammer: Figures": "", "(not spam) Figures": "", "[-]5000": "", "(spam)(spam) Figures": "",
	} {
		if tag, ok := cutScreening(subject); tag != want || ok != (want != "") || !strings.HasPrefix(subject, tag) {
			t.Errorf("%q: tag %q", subject, tag)
		}
	}
	for tags, want := range map[string]string{
		"***SPAM***": "", "***SPAM*** [devs]": "[devs]", "[devs] ***SPAM***": "[devs]", "[team] [urgent]": "[team] [urgent]",
		"[EXTERNAL] {Spam?}": "", "PAY:": "PAY:",
	} {
		if got := beyondScreening(tags); got != want {
			t.Errorf("%q: %q of no screening program, want %q", tags, got, want)
		}
	}
}
