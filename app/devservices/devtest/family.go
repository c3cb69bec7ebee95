package devtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// family is a process and its direct children, the parent first. PostgreSQL puts
// each of its processes in a session of its own, so a process group is not enough.
func family(pid int) []int {
	pids := []int{pid}
	for _, line := range processes() {
		var child, parent int
		if _, err := fmt.Sscan(line, &child, &parent); err == nil && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

// processes lists "pid parent" for each process of the machine: from /proc, since
// small images have no ps, else from ps.
func processes() []string {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	if len(stats) == 0 {
		out, _ := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
		return strings.Split(string(out), "\n")
	}
	var lines []string
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // ended meanwhile
		}
		// 42 (name, which may hold anything) S 1 ...
		pid, _, _ := strings.Cut(string(text), " ")
		rest := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
		if len(rest) > 1 {
			lines = append(lines, pid+" "+rest[1])
		}
	}
	return lines
}
