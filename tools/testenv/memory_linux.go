package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// memoryNeeded is how much must be free for the tests' files to be kept in memory: several
// times what they take.
const memoryNeeded = 4 << 30

// memoryFolder gives a folder that is kept in memory, "" where there is none or too little
// room. Databases and brokers write everything down durably, thousands of times; where that
// costs nothing the tests take half as long. A test that kills a program loses nothing by it:
// what was written stays.
func memoryFolder() string {
	const folder, tmpfs = "/dev/shm", 0x01021994
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil || s.Type != tmpfs || s.Bavail*uint64(s.Bsize) < memoryNeeded {
		return ""
	}
	if memoryLeft(os.ReadFile) < memoryNeeded {
		return ""
	}
	return folder
}

// memoryLeft is what the machine and, in a container, its limit leave; 0 when nobody says.
func memoryLeft(read func(string) ([]byte, error)) (left int64) {
	text, _ := read("/proc/meminfo")
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemAvailable:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			left = n << 10
		}
	}
	for limit, used := range map[string]string{
		"/sys/fs/cgroup/memory.max":                   "/sys/fs/cgroup/memory.current",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": "/sys/fs/cgroup/memory/memory.usage_in_bytes",
	} {
		number := func(path string) (int64, error) {
			text, err := read(path)
			if err != nil {
				return 0, err
			}
			return strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
		}
		if most, err := number(limit); err == nil { // "max" is no number: no limit
			n, _ := number(used)
			left = min(left, most-n)
		}
	}
	return left
}
