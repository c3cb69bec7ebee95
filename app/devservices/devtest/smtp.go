package devtest

import (
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// Mail is one that has arrived.
type Mail struct{ To, Subject, Text string }

// ErrBusy refuses a mail for now.
var ErrBusy = &smtp.SMTPError{Code: 451, Message: "later"}

// MailServer is a real mail server that keeps what it gets.
type MailServer struct {
	URL string // without TLS

	mu      sync.Mutex
	mails   []Mail
	refusal *smtp.SMTPError
}

// SMTP starts a mail server until the end of the test.
func SMTP(t testing.TB) *MailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &MailServer{URL: "smtp://" + listener.Addr().String() + "?tls=none"}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &mailSession{server: m}, nil
	}))
	server.Domain = "localhost"
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

// Mails returns what has arrived.
func (m *MailServer) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Mail(nil), m.mails...)
}

// Refuse lets the server answer each recipient with the error; nil: it takes all again.
func (m *MailServer) Refuse(err *smtp.SMTPError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = err
}

type mailSession struct {
	server *MailServer
	to     string
}

func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.refusal != nil {
		return s.server.refusal
	}
	s.to = to
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if message.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		message.Body = quotedprintable.NewReader(message.Body)
	}
	body, readErr := io.ReadAll(message.Body)
	if err := errors.Join(err, readErr); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	text := strings.ReplaceAll(string(body), "\r\n", "\n")
	s.server.mails = append(s.server.mails, Mail{To: s.to, Subject: subject, Text: text})
	return nil
}
