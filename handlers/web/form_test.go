package web

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/problem"
)

// post returns the context of a posted form.
func post(t *testing.T, body string) *fiber.Ctx {
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	t.Cleanup(func() { app.ReleaseCtx(c) })
	c.Request().Header.SetMethod(fiber.MethodPost)
	c.Request().Header.SetContentType(fiber.MIMEApplicationForm)
	c.Request().SetBodyString(body)
	return c
}

func formOf(t *testing.T, body string, names ...string) *Form {
	t.Helper()
	f, err := ReadForm(post(t, body), names...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadForm_TakesTheFieldsThatAreAskedFor(t *testing.T) {
	f := formOf(t, "a=1&b=x%0D%0Ay+z&c=3&c=4", "a", "b", "d")
	for name, want := range map[string]string{"a": "1", "b": "x\ny z", "c": "", "d": ""} {
		if got := f.Field(name).Value; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestReadForm_RefusesWhatNoPageSends(t *testing.T) {
	for _, body := range []string{"a=1&a=2", "a=1&b=&b=", "a=%ff", "a=%zz", "%", "a=1;b=2"} {
		_, err := ReadForm(post(t, body), "a", "b")
		if problem.CodeOf(err) != problem.Malformed {
			t.Errorf("%s: error %v", body, err)
		}
	}
}

func TestFormCents_AreExact(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.0": 0, "0.01": 1, "0.1": 10, "1": 100, "12.5": 1250, "12.50": 1250, "19.99": 1999, "0012.3": 1230, "100": 10_000,
	} {
		f := NewForm("price", text)
		if got := f.Cents("price", 10_000); got == nil || *got != want || len(f.errors) > 0 {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
	for _, text := range []string{"100.01", "x", "1.234", "1.", ".1", "-1", "+1", "1 0", "1_0", "0x1", "1,5", "٣", strings.Repeat("9", 99)} {
		f := NewForm("price", text)
		if got := f.Cents("price", 10_000); got != nil || f.errors["price"] == "" {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
}

func TestFormNumber_IsAWholeNumberOrNil(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "\n12\t": 12, "-3": -3, "9223372036854775807": math.MaxInt64,
		"9223372036854775808": math.MaxInt64, strings.Repeat("9", 99): math.MaxInt64, "-" + strings.Repeat("9", 99): math.MinInt64,
	} {
		f := NewForm("n", text)
		if got := f.Number("n"); got == nil || *got != want || len(f.errors) > 0 {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
	for _, text := range []string{"x", "1.5", "1e3", "+1", "1 0", "0x1", "٣", "+" + strings.Repeat("9", 99)} {
		f := NewForm("n", text)
		if got := f.Number("n"); got != nil || f.errors["n"] == "" {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
	for _, text := range []string{"", "  "} {
		f := NewForm("n", text)
		if got := f.Number("n"); got != nil || len(f.errors) > 0 {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
}

func TestFormSubmit_ShowsWhatTheFormCanAndReturnsTheRest(t *testing.T) {
	c := post(t, "")
	broken := errors.New("broken")
	for _, test := range []struct {
		err     error
		message string // "": it is returned
	}{
		{problem.InvalidField("name", "is bad"), "The input is not valid."},
		{problem.InvalidField("elsewhere", "is bad"), "The input is not valid. elsewhere is bad."},
		{&problem.Error{Code: problem.Conflict, Message: "It is there."}, "It is there."},
		{&problem.Error{Code: problem.Stale, Message: "It has changed."}, "It has changed."},
		{&problem.Error{Code: problem.Unauthenticated, Message: "Wrong password."}, "Wrong password."},
		{&problem.Error{Code: problem.TooMany, Message: "Wait.", RetryAfter: time.Second}, "Wait."},
		{&problem.Error{Code: problem.NotFound}, ""},
		{&problem.Error{Code: problem.Forbidden}, ""},
		{problem.ErrUnavailable, ""},
		{broken, ""},
	} {
		f := NewForm("other", "", "name", "x")
		done, err := f.Submit(c, func() error { return test.err })
		if done || f.Message != test.message || (err == nil) != (test.message != "") || err != nil && !errors.Is(err, test.err) {
			t.Errorf("%v: %t, %q, %v", test.err, done, f.Message, err)
		}
	}
	if got := c.GetRespHeader(fiber.HeaderRetryAfter); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	f := NewForm("price", "x", "name", " ", "other", "")
	f.errors["price"] = "must be an amount"
	f.Check(problem.InvalidFields([]problem.FieldError{
		{Field: "name", Message: "must not be empty"}, {Field: "price", Message: "is required"}, {Field: "strange", Message: "is wrong"},
	}))
	f.Check(nil)
	f.Check(broken)
	if len(f.errors) != 2 || f.errors["price"] != "must be an amount" || f.errors["name"] != "must not be empty" {
		t.Errorf("the faults are %v", f.errors)
	}
	f = NewForm("first", "", "second", "", "third", "")
	f.Require("third", "second")
	if done, err := f.Submit(c, func() error { t.Error("a form with a fault is carried out"); return nil }); done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
	if f.Field("first").First || !f.Field("second").First || f.Field("third").First || f.Status != fiber.StatusUnprocessableEntity {
		t.Errorf("%+v", f)
	}
	if done, err := NewForm().Submit(c, func() error { return nil }); !done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
}
