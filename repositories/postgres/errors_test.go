package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
)

func TestWrapError_TellsOutagesFromBadDataAndFaultsOfOurs(t *testing.T) {
	const quoted = "Key (email)=(ada@example.com)"
	codes := map[problem.Code]string{
		problem.Unavailable: "08006 08P01 25006 40001 40P01 53100 53300 57014 57P01 57P03",
		problem.Invalid:     "22001 22P05 23502 23503 23505 23514 P0001",
		problem.Internal:    "25001 28P01 3D000 42601 42P01 42501 XX000",
	}
	faults := map[problem.Code][]error{
		problem.Unavailable: {
			&net.OpError{Op: "dial", Err: errors.New("refused")}, context.Canceled, context.DeadlineExceeded,
			driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF,
		},
		problem.Internal: {errors.New("a bug"), sql.ErrNoRows, sql.ErrTxDone},
	}
	for code, states := range codes {
		for state := range strings.FieldsSeq(states) {
			faults[code] = append(faults[code], &pq.Error{Code: pqerror.Code(state), Message: quoted, Constraint: "users_email_key"})
		}
	}
	for code, errs := range faults {
		for _, err := range errs {
			err := fmt.Errorf("from the driver: %w", err)
			wrapped := postgres.WrapError("add a user", err)
			if problem.CodeOf(wrapped) != code || !strings.HasPrefix(wrapped.Error(), "add a user: ") {
				t.Errorf("%v is wrapped as %v, of code %d, want %d", err, wrapped, problem.CodeOf(wrapped), code)
			}
			if invalid := code == problem.Invalid; invalid == errors.Is(wrapped, err) ||
				invalid != strings.Contains(wrapped.Error(), `constraint "users_email_key"`) || invalid && strings.Contains(wrapped.Error(), quoted) {
				t.Errorf("%v is wrapped as %v", err, wrapped)
			}
			if transient := code == problem.Unavailable; postgres.IsTransient(err) != transient {
				t.Errorf("%v is transient: %t", err, !transient)
			}
		}
	}
}

func TestIsRefused_IfAnotherTryDoesNotHelp(t *testing.T) {
	for state, want := range map[pqerror.Code]bool{"28000": true, "28P01": true, "3D000": true, "53300": false, "57P03": false} {
		if err := fmt.Errorf("ping: %w", &pq.Error{Code: state}); postgres.IsRefused(err) != want {
			t.Errorf("%s is refused: %t", state, !want)
		}
	}
}
