package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var metricsAt = regexp.MustCompile(`msg="console and metrics are served" console=\S+ metrics=(\S+)`)

// scrape reads the metrics as Prometheus does.
func (p *process) scrape() map[string]*dto.MetricFamily {
	p.t.Helper()
	url := metricsAt.FindStringSubmatch(p.said())
	if url == nil {
		p.t.Fatalf("it does not say where its metrics are:\n%s", p.said())
	}
	response, err := http.Get(url[1])
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return families
}

// counts returns every counter and histogram's count by its name and labels.
func counts(families map[string]*dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for name, f := range families {
		for _, metric := range f.GetMetric() {
			key := name
			for _, l := range metric.GetLabel() {
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				all[key] = metric.GetCounter().GetValue()
			case dto.MetricType_HISTOGRAM:
				all[key] = float64(metric.GetHistogram().GetSampleCount())
				all[key+" sum"] = metric.GetHistogram().GetSampleSum()
			}
		}
	}
	return all
}

const logins = "prefab_http_requests_total method=GET route=/login status=200"

func TestPrefork_MetricsAreTheSumOfAllWorkersAndNeverGoDown(t *testing.T) {
	_, settings := configured(t)
	p := startPrefork(t, settings...)
	wantDocumented(t, p)

	before := counts(p.scrape())[logins]
	stop := load(p.URL, 4, "/login")
	time.Sleep(500 * time.Millisecond)
	served, failed := stop()
	if len(failed) > 0 {
		t.Fatalf("%d requests failed: %s", len(failed), failed[0])
	}
	eventually(t, "all that was served is counted", func() bool { return counts(p.scrape())[logins] == before+float64(served) })

	last := counts(p.scrape())
	if err := syscall.Kill(p.readied()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another worker has taken its place", func() bool {
		now := counts(p.scrape())
		for key, value := range last {
			if now[key] < value {
				t.Errorf("%s went from %g to %g", key, value, now[key])
			}
		}
		last = now
		return len(p.readied()) > 3
	})
	restarts := 0.
	for key, value := range counts(p.scrape()) {
		if strings.HasPrefix(key, "prefab_worker_restarts_total ") {
			restarts += value
		}
	}
	if restarts != 1 {
		t.Errorf("%g restarts are counted of 1", restarts)
	}
}

// named finds metrics in prose, queries and dashboards, without what a histogram adds.
var named = regexp.MustCompile(`\bprefab_[a-z0-9_]+`)

func baseName(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// wantDocumented wants docs and deploy to name the metrics that there are, and no others.
func wantDocumented(t *testing.T, p *process) {
	t.Helper()
	p.get("/login")
	p.get("/no/such/path")
	var families map[string]*dto.MetricFamily
	eventually(t, "the request is counted", func() bool {
		families = p.scrape()
		return counts(families)[logins] > 0
	})

	docs, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range families {
		if strings.HasPrefix(name, "prefab_") && !strings.Contains(string(docs), "`"+name+"`") {
			t.Errorf("docs/operations.md does not list %s", name)
		}
	}
	files := []string{"docs/operations.md"}
	for _, pattern := range []string{"deploy/prometheus/*.yaml", "deploy/grafana/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	// These come with what they count.
	later := []string{
		"prefab_job_duration_seconds", "prefab_write_behind_batch_duration_seconds",
		"prefab_cache_invalidations_total", "prefab_write_behind_puts_total", "prefab_job_last_success_timestamp_seconds",
		"prefab_http_client_duration_seconds", "prefab_rate_limit_requests_total",
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllString(string(text), -1) {
			if families[baseName(name)] == nil && !slices.Contains(later, name) {
				t.Errorf("%s names %s, which there is not", file, name)
			}
		}
	}
}
