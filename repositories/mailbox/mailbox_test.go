package mailbox_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/mailbox"
	"example.com/prefab/services/mail"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func TestMailbox_KeepsTheNewestAndPrintsAll(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	var out bytes.Buffer
	box := mailbox.New(client, "test:mailbox", &out)
	for i := range 60 {
		if err := box.Send(t.Context(), mail.Message{To: "ada@example.com", Subject: fmt.Sprint("mail ", i), Text: "Hello."}); err != nil {
			t.Fatal(err)
		}
	}
	other := mailbox.New(client, "test:mailbox", &out) // of another process
	mails, err := other.List(t.Context())
	if err != nil || len(mails) != 50 || mails[0].Subject != "mail 59" || mails[49].Subject != "mail 10" {
		t.Errorf("got %d mails, error %v: %v", len(mails), err, mails)
	}
	if text := out.String(); !strings.Contains(text, "mail 0\n") || strings.Count(text, "ada@example.com") != 60 {
		t.Errorf("printed is\n%s", text)
	}
	_ = client.Close()
	if err := box.Send(t.Context(), mail.Message{}); err == nil {
		t.Error("without Redis a mail counts as sent")
	}
}
