// Package failpoint names the places where a fault test may end the program.
//
// In a program that was started with UPRIGHT_FAILPOINT=name the first [Hit] of that name
// kills the process as a power cut would: no deferred call runs, nothing is flushed. In all
// others a Hit costs one atomic load.
package failpoint

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Variable is the environment variable that arms one failpoint for the whole process.
const Variable = "UPRIGHT_FAILPOINT"

var (
	armed atomic.Pointer[map[string]func()]
	once  sync.Once
	mu    sync.Mutex
)

// Hit says that the program has come to the named place.
func Hit(name string) {
	once.Do(armFromEnvironment)
	points := armed.Load()
	if points == nil {
		return
	}
	if f := (*points)[name]; f != nil {
		f()
	}
}

// Arm has f called at each Hit of the name, for tests inside the process; nil disarms it.
func Arm(name string, f func()) {
	once.Do(armFromEnvironment)
	mu.Lock()
	defer mu.Unlock()
	next := map[string]func(){}
	if now := armed.Load(); now != nil {
		for k, v := range *now {
			next[k] = v
		}
	}
	next[name] = f
	armed.Store(&next)
}

func armFromEnvironment() {
	name := os.Getenv(Variable)
	if name == "" {
		return
	}
	armed.Store(&map[string]func(){name: die})
}

// die ends the process at once and does not return.
func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
