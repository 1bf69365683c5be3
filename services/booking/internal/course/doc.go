// Package course places the sessions of a course into free time: so many at most a week, with
// a least gap, near their ideal dates, with one practitioner if possible. It is pure: no clock,
// no database; what is free and what is wanted are parameters, and what it returns only
// proposes. Plans' rules and the claims decide.
package course
