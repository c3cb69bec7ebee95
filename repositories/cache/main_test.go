package cache_test

import (
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestMain(m *testing.M) { devtest.Main(m) }
