package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/server"
	"example.com/prefab/app/settings"
	"example.com/prefab/handlers/dev"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/mailbox"
	"example.com/prefab/repositories/outbox"
	"example.com/prefab/repositories/smtp"
	"example.com/prefab/services"
	"example.com/prefab/services/mail"
)

// Account mails that one hour allows: to a mailbox from one client, and from everywhere.
// From one client to all mailboxes, SIGN_IN_ADDRESS_LIMIT counts.
const (
	mailsPerClient  = 3
	mailsPerMailbox = 5
	mailWindow      = time.Hour
)

// accounts is what lets people manage their own accounts.
type accounts struct {
	rules *services.Accounts
	mails *services.AccountMails // nil: the service sends no mail
	inbox *mailbox.Mailbox       // takes the mails in development; nil: a mail server does
}

func newAccounts(
	cfg Config, p *server.Process, box *outbox.Outbox, links services.AccountLinkStore, store services.UserStore,
	users *services.Users,
) (accounts, error) {
	var (
		a      accounts
		sender mail.Sender
	)
	switch {
	case cfg.SMTPURL != "":
		server, err := smtp.New(string(cfg.SMTPURL), cfg.MailFrom)
		if err != nil {
			return a, err
		}
		sender = server
	case cfg.Env == server.Development:
		a.inbox = mailbox.New(p.Redis, "prefab:mailbox", os.Stdout)
		sender = a.inbox
	}
	if sender != nil {
		a.mails = services.NewAccountMails(store, links, sender, cfg.publicURL())
	}
	limiter := repositories.NewSignIns(p.Redis, "mail", repositories.SignInLimit{
		PerAccountAndAddress: mailsPerClient, PerAccount: mailsPerMailbox, PerAddress: cfg.SignInAddressLimit,
		Window: mailWindow,
	}, p.Metrics)
	a.rules = services.NewAccounts(users, links, limiter, func(ctx context.Context, m services.AccountMail) error {
		return box.Add(ctx, m.Kind, m)
	}, services.AccountOptions{SignUp: cfg.SignUp, Mail: sender != nil})
	return a, nil
}

// showMails adds the page of the mails that no mail server takes.
func (a accounts) showMails(app *fiber.App) {
	if a.inbox != nil {
		app.Use(dev.MailPath, dev.Mails(a.inbox.List))
	}
}

func (a accounts) sendMail(ctx context.Context, item outbox.Item) error {
	if a.mails == nil {
		return errors.New("there is no mail server: set SMTP_URL")
	}
	m := services.AccountMail{Kind: item.Kind}
	if err := json.Unmarshal(item.Payload, &m); err != nil {
		return outbox.Permanent(fmt.Errorf("read a mail's data: %w", err))
	}
	err := a.mails.Send(ctx, m)
	if errors.Is(err, mail.ErrRefused) {
		return outbox.Permanent(err)
	}
	return err
}

// Validate checks what the tags cannot say.
func (c *Config) Validate(p *settings.Problems) {
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		isSite := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
			strings.TrimRight(c.PublicURL, "/") == u.Scheme+"://"+u.Host // no user, path, query or fragment
		p.Check(isSite, "PUBLIC_URL", "must be like https://shop.example.com")
	}
	if c.SMTPURL != "" {
		_, err := smtp.New(string(c.SMTPURL), "a@example.com")
		p.Check(err == nil, "SMTP_URL", "%w", err)
		_, err = smtp.New("smtp://localhost", c.MailFrom)
		p.Check(err == nil, "MAIL_FROM", "%w", err)
	}
	if c.Env == server.Production {
		p.Check(c.SMTPURL == "" || c.PublicURL != "", "PUBLIC_URL", "is required in production with SMTP_URL")
		p.Check(!c.SignUp || c.SMTPURL != "", "SMTP_URL", "is required in production with SIGN_UP=true")
	}
}

// publicURL is where links in mails begin. It is never taken from a request, whose Host
// header may be anything.
func (c *Config) publicURL() string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/")
	}
	host := c.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(c.Port))
}
