package smtpgw

func crashChild(dir string) {}
