// Package smtp sends mails by a mail server, with go-mail. It promises that a mail and the
// password pass only by TLS, unless the URL says otherwise, that an error tells neither, and
// that Send ends with its context, after 20 seconds at most.
//
//	sender, err := smtp.New("smtp://user:password@mail.example.com:587", "Shop <shop@example.com>")
//	if err != nil {
//		return err // the URL or the address is wrong; nothing is dialled yet
//	}
//	err = sender.Send(ctx, mail.Message{To: "ada@example.com", Subject: "Hello", Text: "Hello Ada."})
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"example.com/prefab/services/mail"
)

const sendTimeout = 20 * time.Second

// errURL stands in place of the cause, which would quote the URL's password.
var errURL = errors.New("must be like smtp://user:password@host:587, or smtps://…:465, or smtp://host:25?tls=none")

// Sender is a mail.Sender. It opens a connection for each mail.
type Sender struct {
	host    string
	from    string
	overTLS bool // from the beginning
	options []gomail.Option
}

// New returns a sender by the server of the URL. smtp:// wants STARTTLS, smtps:// speaks
// TLS from the beginning, and ?tls=none sends in plain text: for a server on this machine.
func New(serverURL, from string) (*Sender, error) {
	u, err := url.Parse(serverURL)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return nil, errURL
	}
	options := []gomail.Option{gomail.WithTimeout(sendTimeout)}
	port, plain, overTLS := "587", u.RawQuery == "tls=none", u.Scheme == "smtps"
	switch {
	case overTLS && u.RawQuery == "":
		// dial speaks TLS. Opportunistic lets go-mail notice it, or it would send no password.
		port, options = "465", append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	case u.Scheme == "smtp" && plain:
		port, options = "25", append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case u.Scheme == "smtp" && u.RawQuery == "":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		return nil, errURL
	}
	if u.Port() != "" {
		port = u.Port()
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, errURL
	}
	options = append(options, gomail.WithPort(number))
	password, ok := u.User.Password()
	if u.User != nil && !ok {
		return nil, errURL // would send without signing in
	}
	if ok {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if _, err := netmail.ParseAddress(from); err != nil {
		return nil, errors.New("the sender must be an address such as Shop <shop@example.com>")
	}
	if _, err := gomail.NewClient(u.Hostname(), options...); err != nil {
		return nil, errURL
	}
	return &Sender{host: u.Hostname(), from: from, overTLS: overTLS, options: options}, nil
}

// Send is part of mail.Sender.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	message := gomail.NewMsg()
	if err := errors.Join(message.From(s.from), message.To(m.To)); err != nil {
		return fmt.Errorf("%w: it has no valid address", mail.ErrRefused)
	}
	message.Subject(m.Subject)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	message.SetDate()
	message.SetMessageID()
	client, err := gomail.NewClient(s.host, append(slices.Clip(s.options), gomail.WithDialContextFunc(s.dial(ctx)))...)
	if err != nil {
		return errURL
	}
	err = client.DialAndSendWithContext(ctx, message)
	if message.IsDelivered() { // what fails after that, as QUIT, is no reason to send it again
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err() // the cause of a connection that is closed
	}
	return explain(err, m.To)
}

// dial returns a function whose connections are closed when ctx ends. go-mail itself heeds
// its context only until it is connected, and has a new deadline for each step after that.
func (s *Sender) dial(ctx context.Context) gomail.DialContextFunc {
	return func(dialing context.Context, network, address string) (conn net.Conn, err error) {
		if s.overTLS {
			conn, err = new(tls.Dialer).DialContext(dialing, network, address)
		} else {
			conn, err = new(net.Dialer).DialContext(dialing, network, address)
		}
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
}

// explain tells whether an error is for good: a server that refuses the sender or its password
// today may take it tomorrow, but not a recipient who does not exist.
func explain(err error, to string) error {
	refused, ok := errors.AsType[*gomail.SendError](err)
	switch {
	case err == nil:
		return nil
	case ok && !refused.IsTemp() && refused.ErrorCode() >= 500 && refused.Reason != gomail.ErrSMTPMailFrom:
		return fmt.Errorf("%w, with code %d", mail.ErrRefused, refused.ErrorCode())
	case ok && refused.ErrorCode() == 0: // the connection broke: its cause comes before the recipient
		cause, _, _ := strings.Cut(refused.Error(), ", affected recipient")
		return errors.New("send a mail: " + strings.ReplaceAll(cause, to, "…"))
	case ok:
		return fmt.Errorf("send a mail: the server answers %d", refused.ErrorCode())
	}
	return fmt.Errorf("send a mail: %w", err)
}
