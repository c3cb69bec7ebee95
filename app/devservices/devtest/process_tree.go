package devtest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// processTree is a process and its direct children, the parent first. PostgreSQL puts
// each of its processes in a session of its own, so a process group is not enough.
func processTree(pid int) []int {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil { // not Linux
		children, _ = exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output()
	}
	pids := []int{pid}
	for child := range strings.FieldsSeq(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}
