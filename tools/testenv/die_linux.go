package main

import "syscall"

// dieWithUs has the kernel end the child, in PostgreSQL's way to stop at once, when the
// thread that started it ends.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
