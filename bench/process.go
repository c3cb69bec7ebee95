package main

import (
	"github.com/prometheus/procfs"
)

// family are the states of a process and of all below it.
func family(pid int) (all []procfs.ProcStat) {
	processes, _ := procfs.AllProcs()
	children := map[int][]procfs.ProcStat{}
	for _, process := range processes {
		stat, err := process.Stat()
		if err != nil {
			continue // it has ended
		}
		children[stat.PPID] = append(children[stat.PPID], stat)
		if stat.PID == pid {
			all = append(all, stat)
		}
	}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].PID]...)
	}
	return all
}

// cpuSeconds is the user and system time of a process and all below it so far,
// those that have ended included. The kernel counts hundredths.
func cpuSeconds(pid int) (seconds float64) {
	for _, stat := range family(pid) {
		seconds += stat.CPUTime() + float64(stat.CUTime+stat.CSTime)/100
	}
	return seconds
}

// workerMiB is the memory in use of the largest process below a supervisor.
func workerMiB(supervisor int) (largest float64) {
	for _, stat := range family(supervisor)[1:] {
		largest = max(largest, float64(stat.ResidentMemory())/(1<<20))
	}
	return largest
}
