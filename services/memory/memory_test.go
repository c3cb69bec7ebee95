package memory

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestMemoryMeter_IsInMebibytesAndFollowsTheHeap(t *testing.T) {
	meter := NewMeter(1)
	before := meter.Read()
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	after := meter.Read()
	runtime.KeepAlive(ballast)
	for what, m := range map[string]Usage{"before": before, "after": after} {
		if m.RSS <= 0 || m.HeapUsed <= 0 || m.HeapTotal < m.HeapUsed || m.External <= 0 || m.RSS > 1<<20 {
			t.Errorf("%s: %+v", what, m)
		}
	}
	if grown := after.HeapUsed - before.HeapUsed; grown < 32 || grown > 128 {
		t.Errorf("64 MiB more are %v MiB: %+v, then %+v", grown, before, after)
	}
}

func TestMemoryMeter_KnowsTheEffectiveLimit(t *testing.T) {
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	broken := func() (uint64, error) { return 0, memlimit.ErrCgroupsNotSupported }
	ram := memlimit.Limit(4096 << 20)
	for _, c := range []struct {
		what           string
		own            int64 // GOMEMLIMIT
		cgroup, system memlimit.Provider
		processes      int
		want           float64
	}{
		{"GOMEMLIMIT before all others", 300 << 20, memlimit.Limit(200 << 20), ram, 4, 300},
		{"the cgroup, without it", math.MaxInt64, memlimit.Limit(200 << 20), ram, 1, 200},
		{"a share of the cgroup", math.MaxInt64, memlimit.Limit(200 << 20), ram, 4, 50},
		{"a cgroup that may have more than there is", math.MaxInt64, memlimit.Limit(8192 << 20), ram, 1, 4096},
		{"the machine, where the cgroup sets no limit", math.MaxInt64, none, ram, 1, 4096},
		{"the machine, where there are no cgroups", math.MaxInt64, broken, ram, 2, 2048},
		{"nothing that is known", math.MaxInt64, broken, none, 1, 0},
	} {
		previous := debug.SetMemoryLimit(c.own)
		m := newMeter(c.processes, c.cgroup, c.system).Read()
		debug.SetMemoryLimit(previous)
		counts := m.RSS
		if c.own != math.MaxInt64 {
			counts = m.HeapTotal + m.External
		}
		if m.Limit != c.want || math.Abs(m.LimitUsed-counts) > 0.01 {
			t.Errorf("%s: limit %v, want %v; %+v", c.what, m.Limit, c.want, m)
		}
	}
}
