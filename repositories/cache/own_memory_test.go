package cache_test

import (
	"context"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestWrite_WithoutRedisVoidsWhatWasReadDuringIt(t *testing.T) {
	n, err := openNode("redis://127.0.0.1:1") // not started: memory alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.cache.Close)
	s := new(source)
	_ = n.cache.Write(t.Context(), tags, func(context.Context) error {
		n.gives(t, s, 0)
		s.value.Store(1)
		return nil
	})
	n.gives(t, s, 1)
}

func TestWrite_ThatPanicsVoidsItsOwnMemory(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	n.gives(t, s, 0)
	func() {
		defer func() { _ = recover() }()
		_ = n.cache.Write(t.Context(), tags, func(context.Context) error {
			s.value.Store(1)
			panic("after the commit")
		})
	}()
	n.gives(t, s, 1)
}
