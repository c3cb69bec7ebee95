package problem_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/services/problem"
)

func TestCodeOf_FindsOurErrorHoweverItIsWrapped(t *testing.T) {
	cause, none := errors.New("dial: refused"), &problem.Error{Code: problem.NotFound, Message: "There is none."}
	for _, c := range []struct {
		err  error
		want problem.Code
	}{
		{nil, problem.Internal},
		{cause, problem.Internal},
		{none, problem.NotFound},
		{fmt.Errorf("read it: %w", none), problem.NotFound},
		{fmt.Errorf("read it: %w: %w", problem.ErrUnavailable, cause), problem.Unavailable},
		{errors.Join(cause, none), problem.NotFound},
		{problem.InvalidField("name", "is required"), problem.Invalid},
	} {
		if got := problem.CodeOf(c.err); got != c.want {
			t.Errorf("%v: code %v, want %v", c.err, got, c.want)
		}
	}
	if text := problem.InvalidField("name", "is required").Error(); !strings.Contains(text, "name: is required") {
		t.Errorf("the log gets %q", text)
	}
}
