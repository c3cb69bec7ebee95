package writebehind_test

import (
	"os"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(workerVariable); settings != "" {
		os.Exit(beWorker(settings))
	}
	devtest.Main(m)
}
