package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// How long a span a report may cover, and how long it is when nobody says.
const (
	reportDays    = 28
	maxReportDays = 400
)

// Funnel is how far patients came with a form in a span of days.
type Funnel struct {
	Start, End      civil.Date
	QuestionnaireID string
	Total           FunnelCounts
	Groups          []FunnelCounts // by kind of device, then language
}

// FunnelCounts counts steps for one kind of device and language.
type FunnelCounts struct {
	DeviceKind string
	Language   string
	Started    int64
	Completed  int64
	Pages      []PageCount // in the order of the form as it is now, pages it no longer has after
}

// PageCount is how many forms reached a page.
type PageCount struct {
	PageID  string
	Reached int64
}

// IntakeFunnel counts the steps of a form between two days, both included; zero days are
// today and four weeks before. It fails with NOT_FOUND for a form that the clinic does not
// have, and INVALID_ARGUMENT for a span that ends before it starts or is too long.
func (a *App) IntakeFunnel(ctx context.Context, questionnaireID string, start, end civil.Date) (out Funnel, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return out, err
	}
	set, err := a.forms.Current(p.ClinicID, questionnaireID)
	if err != nil {
		return out, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	out.QuestionnaireID = set.ID
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out.Start, out.End = start, end
		if out.End.IsZero() {
			out.End = civil.Of(tx.Now(), zone)
		}
		if out.Start.IsZero() {
			out.Start = out.End.AddDays(1 - reportDays)
		}
		if err := checkSpan(out.Start, out.End); err != nil {
			return err
		}
		rows, err := store.Steps(tx, p.ClinicID, set.ID, out.Start.String(), out.End.String())
		out.Total, out.Groups = funnelOf(set, rows)
		return err
	})
	return out, err
}

func checkSpan(start, end civil.Date) error {
	switch days := start.DaysUntil(end); {
	case days < 0:
		return fault.Invalid("end_date", "is before start_date")
	case days >= maxReportDays:
		return fault.Invalid("end_date", "is more than 400 days after start_date")
	}
	return nil
}

// funnelOf sorts counted steps, which come by kind of device and language, into groups.
func funnelOf(set *triage.Set, rows []store.Step) (total FunnelCounts, groups []FunnelCounts) {
	total.Pages = pagesOf(set)
	for _, r := range rows {
		if n := len(groups); n == 0 || groups[n-1].DeviceKind != r.DeviceKind || groups[n-1].Language != r.Language {
			groups = append(groups, FunnelCounts{DeviceKind: r.DeviceKind, Language: r.Language, Pages: pagesOf(set)})
		}
		groups[len(groups)-1].add(r)
		total.add(r)
	}
	return total, groups
}

func pagesOf(set *triage.Set) []PageCount {
	out := make([]PageCount, len(set.Pages))
	for i := range set.Pages {
		out[i].PageID = set.Pages[i].ID
	}
	return out
}

func (c *FunnelCounts) add(s store.Step) {
	switch s.Step {
	case StepStarted:
		c.Started += s.Forms
	case StepCompleted:
		c.Completed += s.Forms
	case StepPage:
		for i := range c.Pages {
			if c.Pages[i].PageID == s.PageID {
				c.Pages[i].Reached += s.Forms
				return
			}
		}
		c.Pages = append(c.Pages, PageCount{PageID: s.PageID, Reached: s.Forms})
	}
}
