package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"example.com/prefab/app/devservices/devtest"
	ours "example.com/prefab/repositories/smtp"
	"example.com/prefab/services/mail"
)

func TestNew_RefusesWhatIsNoServer(t *testing.T) {
	const from = "Shop <shop@example.com>"
	for _, url := range []string{
		"", "hunter2", "smtp://", "http://user:hunter2@host", "smtp://host/path", "smtp://user:hunter2@host?tls=off",
		"smtps://user:hunter2@host?tls=none", "smtp://host:99999999", "smtp://hunter2@host", "smtp://user:hunter2@host:port", "smtp://%zz:hunter2@host",
	} {
		if _, err := ours.New(url, from); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", url, err)
		}
	}
	for _, url := range []string{"smtp://host", "smtps://user:p%40ss@host:465", "smtp://host:25?tls=none"} {
		if _, err := ours.New(url, from); err != nil {
			t.Errorf("%s: error %v", url, err)
		}
	}
	if _, err := ours.New("smtp://host", "shop"); err == nil {
		t.Error("a sender without an address is taken")
	}
}

func TestSend_AMailArrives(t *testing.T) {
	server := devtest.SMTP(t)
	sender, err := ours.New(server.URL, "Shop <shop@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	want := mail.Message{To: "ada@example.com", Subject: "Grüße", Text: "Hello Ada,\n\nhttps://example.com/?token=A=B\n.\n"}
	if err := sender.Send(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails(); len(got) != 1 || mail.Message(got[0]) != want {
		t.Errorf("arrived are %+v", got)
	}
}

func TestSend_TellsForGoodFromForNow(t *testing.T) {
	server := devtest.SMTP(t)
	sender, err := ours.New(server.URL, "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	send := func(to string) error { return sender.Send(t.Context(), mail.Message{To: to, Subject: "s", Text: "t"}) }
	server.Refuse(&smtp.SMTPError{Code: 550, Message: "no such user ada@example.com"})
	if err := send("ada@example.com"); !errors.Is(err, mail.ErrRefused) || strings.Contains(err.Error(), "ada") {
		t.Errorf("a refused one: %v", err)
	}
	server.Refuse(&smtp.SMTPError{Code: 451, Message: "later"})
	if err := send("ada@example.com"); err == nil || errors.Is(err, mail.ErrRefused) {
		t.Errorf("one for later: %v", err)
	}
	if err := send("ada"); !errors.Is(err, mail.ErrRefused) {
		t.Errorf("no address: %v", err)
	}
	server.Refuse(nil)
	strict, err := ours.New(strings.TrimSuffix(server.URL, "?tls=none"), "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := strict.Send(t.Context(), mail.Message{To: "ada@example.com"}); err == nil || len(server.Mails()) != 0 {
		t.Errorf("without TLS: error %v, arrived are %v", err, server.Mails())
	}
}

// script is a server that takes every mail, but for the commands that it answers otherwise.
func script(t *testing.T, answers map[string]string) (url string) {
	t.Helper()
	return "smtp://" + scriptOn(t, listen(t), answers) + "?tls=none"
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func scriptOn(t *testing.T, listener net.Listener, answers map[string]string) (address string) {
	t.Helper()
	go func() {
		for c, err := listener.Accept(); err == nil; c, err = listener.Accept() {
			fmt.Fprint(c, "220 localhost\r\n")
			lines, data := bufio.NewScanner(c), false
			for lines.Scan() {
				command := strings.ToUpper(lines.Text()[:min(4, len(lines.Text()))])
				answer := answers[command]
				switch {
				case data && lines.Text() != ".":
					continue
				case answer != "" && !data:
				case command == "DATA":
					answer = "354 go on"
				default:
					answer = "250 ok"
				}
				if answer == "hang up" {
					break
				}
				data = command == "DATA"
				fmt.Fprint(c, answer+"\r\n")
			}
			_ = c.Close()
		}
	}()
	return listener.Addr().String()
}

func TestSend_EndsWithItsContext(t *testing.T) {
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		fmt.Fprint(c, "220 localhost\r\n")
		lines := bufio.NewScanner(c)
		lines.Scan()
		cancel()
		lines.Scan() // hangs until the client ends the connection
		_ = c.Close()
	}()
	sender, err := ours.New("smtp://"+listener.Addr().String()+"?tls=none", "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- sender.Send(ctx, mail.Message{To: "ada@example.com", Text: "t"}) }()
	select {
	case err := <-sent:
		if !errors.Is(err, context.Canceled) || errors.Is(err, mail.ErrRefused) {
			t.Errorf("error %v", err)
		}
	case <-time.After(10 * time.Second): // half of the time that a step has
		t.Error("a server that does not answer holds the mail")
	}
}

// Servers offer PLAIN, which go-mail uses on a connection alone that it knows to be encrypted.
func TestSend_SignsInOverTLS(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SSL_CERT_FILE is not read here")
	}
	site := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	defer site.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	address := scriptOn(t, tls.NewListener(listen(t), &tls.Config{Certificates: site.TLS.Certificates}), map[string]string{
		"EHLO": "250-localhost\r\n250 AUTH PLAIN", "AUTH": "235 ok", "MAIL": "250 ok",
	})
	sender, err := ours.New("smtps://ada:hunter2@"+address, "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), mail.Message{To: "ada@example.com", Text: "t"}); err != nil {
		t.Error(err)
	}
}

func TestSend_AMailThatTheServerHasTakenIsNoFailure(t *testing.T) {
	for _, command := range []string{"RSET", "QUIT"} {
		sender, err := ours.New(script(t, map[string]string{command: "554 no"}), "shop@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if err := sender.Send(t.Context(), mail.Message{To: "ada@example.com", Text: "t"}); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestSend_ABrokenConnectionTellsItsCause(t *testing.T) {
	sender, err := ours.New(script(t, map[string]string{"RCPT": "hang up"}), "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	err = sender.Send(t.Context(), mail.Message{To: "ada@example.com", Text: "t"})
	if err == nil || !strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "ada") || errors.Is(err, mail.ErrRefused) {
		t.Errorf("error %v", err)
	}
}

// A refused sender is a setting to correct: the mails must not be given up meanwhile.
func TestSend_ARefusedSenderIsForNow(t *testing.T) {
	sender, err := ours.New(script(t, map[string]string{"MAIL": "530 authentication required"}), "shop@example.com")
	if err != nil {
		t.Fatal(err)
	}
	err = sender.Send(t.Context(), mail.Message{To: "ada@example.com", Text: "t"})
	if err == nil || errors.Is(err, mail.ErrRefused) || !strings.Contains(err.Error(), "530") {
		t.Errorf("error %v", err)
	}
}
