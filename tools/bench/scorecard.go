package main

import (
	"fmt"
	"io"
)

// scorecard prints what was reached beside what was meant to be, and counts the goals missed.
type scorecard struct {
	w      io.Writer
	missed int
}

// atMost judges a goal that must not be exceeded.
func (s *scorecard) atMost(name string, got, limit float64) {
	s.judge(name, got, limit, "<=", got <= limit)
}

// atLeast judges a goal that must be reached.
func (s *scorecard) atLeast(name string, got, limit float64) {
	s.judge(name, got, limit, ">=", got >= limit)
}

func (s *scorecard) judge(name string, got, limit float64, sign string, ok bool) {
	verdict := "PASS"
	if !ok {
		verdict = "MISSED"
		s.missed++
	}
	fmt.Fprintf(s.w, "%-62s %10.2f   goal %s %8.2f   %s\n", name, got, sign, limit, verdict)
}
