package services

import "example.com/prefab/services/mail"

// The texts of the mails. One to an address that nobody has confirmed quotes nothing that
// the request has brought, such as a name: else strangers could mail their text to anybody.

func (s *AccountMails) welcome(m AccountMail, link string) mail.Message {
	return mail.Message{To: m.Email, Subject: "Please confirm your e-mail address", Text: `Hello,

to finish your account at ` + s.site + `, choose a password here within 48 hours:

` + link + `

If you did not ask for an account, ignore this mail. No account is made then.
`}
}

func (s *AccountMails) addressKnown(email string) mail.Message {
	return mail.Message{To: email, Subject: "You have an account already", Text: `Hello,

somebody, perhaps you, has just entered this address for an account at ` + s.site + `. It has one already.

Sign in here:     ` + s.site + `/login
Lost password?    ` + s.site + `/reset

If it was not you, ignore this mail. Nothing has changed.
`}
}

func (s *AccountMails) reset(m AccountMail, link string) mail.Message {
	return mail.Message{To: m.Email, Subject: "Choose another password", Text: `Hello,

to choose another password at ` + s.site + `, open this page within one hour:

` + link + `

If you did not ask for this, ignore this mail. Your password stays as it is.
`}
}

func (s *AccountMails) confirmEmail(m AccountMail, link string) mail.Message {
	return mail.Message{To: m.Email, Subject: "Please confirm your new e-mail address", Text: `Hello,

to use this address for your account at ` + s.site + `, open this page within 48 hours:

` + link + `

If you did not ask for this, ignore this mail.
`}
}

func (s *AccountMails) emailChanged(m AccountMail) mail.Message {
	return mail.Message{To: m.Email, Subject: "Your e-mail address was changed", Text: `Hello ` + m.Name + `,

your account at ` + s.site + ` has another e-mail address now, and this one does not sign in any more.

If this was not you, tell the operator of the service at once.
`}
}
