package services_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func TestCodeOf_FindsOurErrorHoweverItIsWrapped(t *testing.T) {
	cause := errors.New("dial: refused")
	for _, c := range []struct {
		err  error
		want services.Code
	}{
		{nil, services.Internal},
		{cause, services.Internal},
		{services.ErrNoProduct, services.NotFound},
		{fmt.Errorf("read a product: %w", services.ErrNoProduct), services.NotFound},
		{fmt.Errorf("read a product: %w: %w", services.ErrUnavailable, cause), services.Unavailable},
		{errors.Join(cause, services.ErrReviewed), services.Conflict},
		{services.InvalidField("name", "is required"), services.Invalid},
	} {
		if got := services.CodeOf(c.err); got != c.want {
			t.Errorf("%v: code %v, want %v", c.err, got, c.want)
		}
	}
}

func TestError_TellsTheFieldsToWhoReadsALog(t *testing.T) {
	text := services.InvalidField("name", "is required").Error()
	if !strings.Contains(text, "name: is required") {
		t.Errorf("the text is %q", text)
	}
}
