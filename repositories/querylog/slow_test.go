package querylog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

func TestSlow_WarnsFromItsThresholdOn(t *testing.T) {
	for _, c := range []struct {
		threshold, duration time.Duration
		err                 error
		outcome             string // "": no line
	}{
		{time.Second, time.Second - 1, nil, ""},
		{time.Second, time.Second, nil, "ok"},
		{time.Second, time.Minute, errors.New("refused"), "error"},
		{time.Second, time.Minute, context.DeadlineExceeded, "cancelled"},
		{0, time.Hour, nil, ""},
	} {
		var output bytes.Buffer
		slow := querylog.Slow(slog.New(slog.NewJSONHandler(&output, nil)), c.threshold)
		slow(t.Context(), querylog.Event{
			Name: "things.list", Query: "SELECT $1", Duration: c.duration, Rows: 7, Err: c.err,
		})
		if c.outcome == "" {
			if output.Len() > 0 {
				t.Errorf("%+v: %s", c, &output)
			}
			continue
		}
		var line map[string]any
		if err := json.Unmarshal(output.Bytes(), &line); err != nil {
			t.Fatalf("%+v: %v: %s", c, err, &output)
		}
		if line["level"] != "WARN" || line["msg"] != "slow query" || line["name"] != "things.list" ||
			line["query"] != "SELECT $1" || line["duration"] != float64(c.duration) || line["rows"] != 7.0 ||
			line["outcome"] != c.outcome {
			t.Errorf("%+v: %s", c, &output)
		}
	}
}

func TestSlow_LogsNoValuesAndIsBounded(t *testing.T) {
	const secret = "hunter2"
	var output bytes.Buffer
	slow := querylog.Slow(slog.New(slog.NewJSONHandler(&output, nil)), time.Nanosecond)
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true, Observe: slow})
	mustExec(t, db, "SELECT $1::text", secret)
	if _, err := db.Exec("SELECT $1::text::int", secret); err == nil || !strings.Contains(err.Error(), secret) {
		t.Fatalf("want an error that quotes the value: %v", err)
	}
	if strings.Contains(output.String(), secret) || strings.Count(output.String(), "slow query") != 2 {
		t.Errorf("the log is %s", &output)
	}

	output.Reset()
	mustExec(t, db, "SELECT 1 -- "+strings.Repeat("é", 1<<20))
	if output.Len() < 1<<10 || output.Len() > 1<<15 {
		t.Errorf("%d bytes are logged of a long text", output.Len())
	}
}
