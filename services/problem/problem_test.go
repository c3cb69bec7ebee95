package problem_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

func TestCodeOf_FindsOurErrorHoweverItIsWrapped(t *testing.T) {
	cause := errors.New("dial: refused")
	for _, c := range []struct {
		err  error
		want problem.Code
	}{
		{nil, problem.Internal},
		{cause, problem.Internal},
		{services.ErrNoProduct, problem.NotFound},
		{fmt.Errorf("read a product: %w", services.ErrNoProduct), problem.NotFound},
		{fmt.Errorf("read a product: %w: %w", problem.ErrUnavailable, cause), problem.Unavailable},
		{errors.Join(cause, services.ErrReviewed), problem.Conflict},
		{problem.InvalidField("name", "is required"), problem.Invalid},
	} {
		if got := problem.CodeOf(c.err); got != c.want {
			t.Errorf("%v: code %v, want %v", c.err, got, c.want)
		}
	}
}

func TestError_TellsTheFieldsToWhoReadsALog(t *testing.T) {
	text := problem.InvalidField("name", "is required").Error()
	if !strings.Contains(text, "name: is required") {
		t.Errorf("the text is %q", text)
	}
}
