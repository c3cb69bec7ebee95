package cache_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"example.com/prefab/repositories/cache"
)

// page is a value of usual size.
type page struct {
	ID    int64
	Name  string
	Text  string
	Rates []int64
}

var samplePage = page{1, "a name", strings.Repeat("text ", 200), []int64{1, 2, 3, 4, 5}}

func benchmarkTable(b *testing.B) (*node, *cache.Table[page]) {
	b.Helper()
	n := newNode(b, ownRedis(b))
	pages := cache.NewTable[page](n.cache, cache.TableOptions{
		Name: "pages", TTL: time.Hour, Absent: errAbsent, AbsentTTL: time.Hour,
	})
	return n, pages
}

func loadPage(context.Context) (page, error) { return samplePage, nil }

func BenchmarkGet_Memory(b *testing.B) {
	_, pages := benchmarkTable(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pages.Get(b.Context(), "key", tags, loadPage); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet_Redis(b *testing.B) {
	_, pages := benchmarkTable(b)
	b.ReportAllocs()
	for b.Loop() {
		fresh := fresh(b)
		if _, err := pages.Get(fresh, "key", tags, loadPage); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBare_Redis is the least that a value from Redis can cost.
func BenchmarkBare_Redis(b *testing.B) {
	n, _ := benchmarkTable(b)
	text, err := msgpack.Marshal(samplePage)
	if err != nil {
		b.Fatal(err)
	}
	n.client.Set(b.Context(), "bare", text, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		text, err := n.client.Get(b.Context(), "bare").Bytes()
		if err != nil {
			b.Fatal(err)
		}
		var value page
		if err := msgpack.Unmarshal(text, &value); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet_Miss loads, and fills both levels.
func BenchmarkGet_Miss(b *testing.B) {
	n, pages := benchmarkTable(b)
	entry := n.cache.EntryKey(tags[0], "pages", "key")
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n.client.Del(b.Context(), entry)
		b.StartTimer()
		fresh := fresh(b)
		if _, err := pages.Get(fresh, "key", tags, loadPage); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	n, _ := benchmarkTable(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := n.cache.Write(b.Context(), tags, func(context.Context) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
