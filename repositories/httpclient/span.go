package httpclient

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/prefab/services/tracing"
)

// span describes a call, by the semantic conventions of OpenTelemetry's HTTP spans. They ask for
// the URL too, which may hold secrets: it is left out.
func (t *transport) span(request *http.Request, response *http.Response, err error) tracing.Span {
	method := cmp.Or(request.Method, http.MethodGet)
	span := tracing.Span{
		Name: strings.TrimSpace(method + " " + t.name),
		Attrs: []slog.Attr{
			slog.String("http.request.method", method),
			slog.String("server.address", request.URL.Hostname()), slog.Int("server.port", portOf(request)),
		},
	}
	switch {
	case errors.Is(err, context.Canceled):
		span.ErrorType = "cancelled"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), err != nil && late(request):
		span.ErrorType = "timeout"
	case err != nil:
		span.ErrorType = "_OTHER"
	default:
		span.Attrs = append(span.Attrs, slog.Int("http.response.status_code", response.StatusCode))
		if response.StatusCode >= http.StatusBadRequest {
			span.ErrorType = strconv.Itoa(response.StatusCode)
		}
	}
	return span
}

// late reports whether the time for a call is over. Where the client's timer fires before the
// context's, net/http answers that the call was cancelled, by an error that it does not export.
func late(request *http.Request) bool {
	deadline, ok := request.Context().Deadline()
	return ok && !time.Now().Before(deadline)
}

func portOf(request *http.Request) int {
	if port, err := strconv.Atoi(request.URL.Port()); err == nil {
		return port
	}
	if request.URL.Scheme == "https" {
		return 443
	}
	return 80
}
