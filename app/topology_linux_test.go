package app_test

import (
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func manyRedis(t testing.TB, topology string) string {
	t.Helper()
	if topology == "cluster" {
		return devtest.Cluster(t, 0).URL
	}
	return devtest.Sentinels(t).URL
}
