package people

import (
	"slices"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Links says which record was merged into which: a record that stands alone maps to "".
// Merges make trees whose roots are the records that live on, so the origin of everything is
// kept and each merge can be taken back on its own.
type Links map[string]string

// Survivor follows the chain from a record to the one that lives on. A record that is not
// known survives itself.
func (l Links) Survivor(id string) string {
	for range len(l) {
		next := l[id]
		if next == "" {
			break
		}
		id = next
	}
	return id
}

// Person gives every record that is the same person as id, in order.
func (l Links) Person(id string) []string {
	survivor := l.Survivor(id)
	return l.below(survivor)
}

// below gives id and every record that was merged into it, directly or not, in order, id first.
func (l Links) below(id string) []string {
	ids := []string{}
	for other := range l {
		if other != id && l.leadsTo(other, id) {
			ids = append(ids, other)
		}
	}
	slices.Sort(ids)
	return append([]string{id}, ids...)
}

// leadsTo reports whether the chain from a record passes through target.
func (l Links) leadsTo(id, target string) bool {
	for range len(l) {
		if id == target {
			return true
		}
		id = l[id]
	}
	return id == target
}

// Moved is what a merge or its taking back does: whom the records lead to from now on.
type Moved struct {
	// Survivor is the record that the others lead to.
	Survivor string
	// Records are those that lead to it newly, the one that was asked about first.
	Records []string
}

// Merge makes from lead to the record that into survives as. ALREADY_MERGED when from was
// merged before, SAME_PATIENT when both are one person already.
func (l Links) Merge(from, into string) (Moved, error) {
	if l[from] != "" {
		return Moved{}, fault.New(fault.FailedPrecondition, "ALREADY_MERGED", "The record was merged before. Take that back first.").
			With("patient_id", from).With("merged_into", l.Survivor(from))
	}
	survivor := l.Survivor(into)
	if survivor == from {
		return Moved{}, fault.New(fault.FailedPrecondition, "SAME_PATIENT", "Both are the same record already.").With("patient_id", from)
	}
	moved := Moved{Survivor: survivor, Records: l.below(from)}
	l[from] = survivor
	return moved, nil
}

// Unmerge makes a record stand alone again, with those that had been merged into it. before
// is the record that it led to. NOT_MERGED when it stands alone already.
func (l Links) Unmerge(id string) (before string, moved Moved, err error) {
	if l[id] == "" {
		return "", Moved{}, fault.New(fault.FailedPrecondition, "NOT_MERGED", "The record stands alone.").With("patient_id", id)
	}
	before = l.Survivor(id)
	moved = Moved{Survivor: id, Records: l.below(id)}
	l[id] = ""
	return before, moved, nil
}
