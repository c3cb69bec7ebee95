package writebehind_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/repositories/writebehind"
)

// workerVariable makes the test binary a process of its own, which puts and
// flushes until it is killed.
const workerVariable = "PREFAB_TEST_WRITE_BEHIND_WORKER"

type workerSettings struct {
	Redis, Database string
	Forget          bool  // versions
	First, Last     int64 // of its keys
}

const valuesOfKey = 3 // that a worker puts, one right after the other

// beWorker says on its standard output what has been acknowledged.
func beWorker(text string) int {
	var settings workerSettings
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		return complain(err)
	}
	client, err := redisclient.Open(settings.Redis, 4)
	if err != nil {
		return complain(err)
	}
	db, err := postgres.Open(postgres.Options{URL: settings.Database, MaxConns: 2, Prepared: true})
	if err != nil {
		return complain(err)
	}
	table := repositories.NewStock(db)
	buffer := writebehind.New(stockOptions{
		Client: client, Prefix: "prefab:test:", Name: "stock", BatchSize: 1000, MaxPending: 100_000, Through: table.Set,
	})
	if settings.Forget {
		buffer.ForgetVersions()
	}
	ctx := context.Background()
	go func() {
		for ; ; time.Sleep(time.Millisecond) {
			_ = buffer.Flush(ctx, table.SetAll) // what failed is still there for the next
		}
	}()
	for key := settings.First; key <= settings.Last; key++ {
		for value := range int64(valuesOfKey) {
			if _, err := buffer.Put(ctx, key, value+1); err != nil {
				return complain(err)
			}
			fmt.Println(key, value+1)
		}
	}
	select {}
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
