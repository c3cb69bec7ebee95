package handlers

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

func formOf(t *testing.T, body string, names ...string) *form {
	t.Helper()
	requests := newRequests()
	c := requests.post([]byte(body), map[string]string{fiber.HeaderContentType: fiber.MIMEApplicationForm})
	defer requests.release(c)
	f, err := readForm(c, names...)
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

func TestReadForm_RefusesWhatIsNoFormOfOurs(t *testing.T) {
	requests := newRequests()
	for _, body := range []string{"a=1&a=2", "a=1&b=&b=", "a=%ff", "a=%zz", "%", "a=1;b=2"} {
		c := requests.post([]byte(body), map[string]string{fiber.HeaderContentType: fiber.MIMEApplicationForm})
		_, err := readForm(c, "a", "b")
		requests.release(c)
		_ = hasCode(t, err, problem.Malformed)
	}
}

func TestFormCents_AreExact(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.0": 0, "0.01": 1, "0.1": 10, "1": 100, "12.5": 1250, "12.50": 1250, "19.99": 1999, "0012.3": 1230, "100": 10_000,
	} {
		f := newForm("price", text)
		if got := f.cents("price", 10_000); got == nil || *got != want || len(f.errors) > 0 {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
	for _, text := range []string{"100.01", "x", "1.234", "1.", ".1", "-1", "+1", "1 0", "1_0", "0x1", "1,5", "٣", strings.Repeat("9", 99)} {
		f := newForm("price", text)
		if got := f.cents("price", 10_000); got != nil || f.errors["price"] == "" {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
}

func TestFormNumber_IsWholeOrNone(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "\n12\t": 12, "-3": -3, "9223372036854775807": math.MaxInt64,
		"9223372036854775808": math.MaxInt64, strings.Repeat("9", 99): math.MaxInt64, "-" + strings.Repeat("9", 99): math.MinInt64,
	} {
		f := newForm("n", text)
		if got := f.number("n"); got == nil || *got != want || len(f.errors) > 0 {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
	for _, text := range []string{"x", "1.5", "1e3", "+1", "1 0", "0x1", "٣", "+" + strings.Repeat("9", 99)} {
		f := newForm("n", text)
		if got := f.number("n"); got != nil || f.errors["n"] == "" {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
	for _, text := range []string{"", "  "} {
		f := newForm("n", text)
		if got := f.number("n"); got != nil || len(f.errors) > 0 {
			t.Errorf("%q: %v, %v", text, got, f.errors)
		}
	}
}

func TestFormSubmit_ShowsWhatTheFormCanAndReturnsTheRest(t *testing.T) {
	requests := newRequests()
	c := requests.post(nil, nil)
	defer requests.release(c)
	broken := errors.New("broken")
	for _, test := range []struct {
		err     error
		message string // "": it is returned
	}{
		{problem.InvalidField("name", "is bad"), "The input is not valid."},
		{problem.InvalidField("elsewhere", "is bad"), "The input is not valid. elsewhere is bad."},
		{services.ErrReviewed, services.ErrReviewed.Message},
		{services.ErrStaleProduct, services.ErrStaleProduct.Message},
		{services.ErrBadCredentials, services.ErrBadCredentials.Message},
		{services.ErrNoProduct, ""},
		{problem.ErrUnavailable, ""},
		{services.ErrAdminNeeded, ""},
		{broken, ""},
	} {
		f := newForm("other", "", "name", "x")
		done, err := f.submit(c, func() error { return test.err })
		if done || f.Message != test.message || (err == nil) != (test.message != "") || err != nil && !errors.Is(err, test.err) {
			t.Errorf("%v: %t, %q, %v", test.err, done, f.Message, err)
		}
	}
	f := newForm("price", "x", "name", " ", "other", "")
	f.errors["price"] = "must be an amount"
	f.check(problem.InvalidFields([]problem.FieldError{
		{Field: "name", Message: "must not be empty"}, {Field: "price", Message: "is required"}, {Field: "strange", Message: "is wrong"},
	}))
	f.check(nil)
	f.check(broken)
	if len(f.errors) != 2 || f.errors["price"] != "must be an amount" || f.errors["name"] != "must not be empty" {
		t.Errorf("the faults are %v", f.errors)
	}
	f = newForm("first", "", "second", "", "third", "")
	f.require("third", "second")
	if done, err := f.submit(c, func() error { t.Error("a form with a fault is carried out"); return nil }); done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
	if f.Field("first").First || !f.Field("second").First || f.Field("third").First || f.status != fiber.StatusUnprocessableEntity {
		t.Errorf("%+v", f)
	}
	if done, err := newForm().submit(c, func() error { return nil }); !done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
}
