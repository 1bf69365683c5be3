package page

import (
	"strconv"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// intakeReportPage is how far patients came with the form.
type intakeReportPage struct {
	*intakev1.GetIntakeFunnelResponse
	Pages []reportLine
}

// reportLine is one page of the form: how many forms reached it, and that of a hundred.
type reportLine struct {
	Title   string
	Reached int64
	Share   string
}

// intakeReport shows the counts of a span of days.
func (s *Site) intakeReport(c *call) error {
	start, end := c.query("start"), c.query("end")
	for _, day := range []string{start, end} {
		if _, err := civil.Parse(day); err != nil && day != "" {
			return c.redirect(withParam("/staff/reports/intake", "problem", "SPAN"))
		}
	}
	got, err := s.clients.funnel.GetIntakeFunnel(c.ctx(), &intakev1.GetIntakeFunnelRequest{StartDate: start, EndDate: end})
	if f := fault.From(err); err != nil && f.Kind == fault.InvalidArgument {
		return c.redirect(withParam("/staff/reports/intake", "problem", "SPAN"))
	}
	if err != nil {
		return err
	}
	form, err := c.questionnaire(got.GetQuestionnaireId(), 0)
	if err != nil {
		return err
	}
	titles := map[string]string{}
	for _, p := range form.GetPages() {
		titles[p.GetId()] = p.GetTitle()
	}
	d := intakeReportPage{GetIntakeFunnelResponse: got}
	for _, p := range got.GetTotal().GetPages() {
		title := titles[p.GetPageId()]
		if title == "" {
			title = p.GetPageId()
		}
		d.Pages = append(d.Pages, reportLine{title, p.GetReached(), share(p.GetReached(), got.GetTotal().GetStarted())})
	}
	v := c.view(c.cat.T("report.intake"), d)
	v.Back, v.Wide = "/staff/tasks", true
	return c.show("intake_report", v)
}

// share is a part of a hundred, in words; "" of nothing.
func share(part, whole int64) string {
	if whole == 0 {
		return ""
	}
	return strconv.FormatInt((part*200+whole)/(2*whole), 10) + " %"
}
