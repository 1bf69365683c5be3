package page

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	policyPath   = "/admin/booking-rules"
	holidaysPath = "/staff/days-off"
)

// clinicRuleRoutes are what a clinic decides about its bookings: its policy, and its days off.
func (s *Site) clinicRuleRoutes() []route.Route {
	admins := route.People(typev1.Role_ROLE_ADMIN)
	keepers := route.People(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_ADMIN)
	return []route.Route{
		s.row("GET "+policyPath, admins, func(c *call) error { return c.showPolicy(c.wrongs()) }),
		s.row("POST "+policyPath, admins, s.savePolicy),
		s.row("GET "+holidaysPath, keepers, func(c *call) error { return c.showHolidays(c.wrongs(), nil, "") }),
		s.row("POST "+holidaysPath, keepers, s.importHolidays),
	}
}

// waitlistOrders are the orders of the waitlist that the page offers, by name. The API takes any.
var waitlistOrders = []struct {
	name string
	keys []string
}{
	{"usual", []string{"PRIORITY", "MISSED", "IN_COURSE", "JOINED"}},
	{"urgent", []string{"PRIORITY", "JOINED"}},
	{"course", []string{"IN_COURSE", "JOINED"}},
	{"joined", []string{"JOINED"}},
}

// ownOrder is the choice that leaves an order as it is that the page has no name for.
const ownOrder = "own"

// policyPage is the form of the clinic's policy.
type policyPage struct {
	Fields []Field
	Etag   string
}

// showPolicy shows the policy as it is, with what was typed when something is wrong with it.
func (c *call) showPolicy(w *wrongs) error {
	got, err := c.clients.policies.GetBookingPolicy(c.ctx(), &bookingv1.GetBookingPolicyRequest{})
	if err != nil {
		return err
	}
	p := got.GetBookingPolicy()
	late := Field{Kind: "radio", Name: "late_change", Label: c.cat.T("policy.late"), Value: p.GetLateChange(), Error: w.of("late_change")}
	for _, code := range []string{"REFUSE", "FLAG"} {
		late.Options = append(late.Options, Option{Value: code, Label: c.cat.T("policy.late_" + code)})
	}
	first := Field{Kind: "radio", Name: "order", Label: c.cat.T("policy.first"), Value: ownOrder, Error: w.of("order")}
	for _, o := range waitlistOrders {
		first.Options = append(first.Options, Option{Value: o.name, Label: c.cat.T("policy.first_" + o.name)})
		if slices.Equal(o.keys, p.GetWaitlistOrder()) {
			first.Value = o.name
		}
	}
	if first.Value == ownOrder {
		first.Options = append(first.Options, Option{Value: ownOrder, Label: c.cat.T("policy.first_own")})
	}
	number := func(name, key string, n int32) Field {
		f := c.input(w, "text", name, key)
		f.InputMode, f.Short = "numeric", true
		if !w.any() {
			f.Value = strconv.Itoa(int(n))
		}
		return f
	}
	d := policyPage{Etag: p.GetEtag(), Fields: []Field{
		late, first, number("offer_minutes", "policy.offer", p.GetOfferMinutes()),
		number("offer_notice_minutes", "policy.notice", p.GetOfferNoticeMinutes()), number("most_missed_offers", "policy.missed", p.GetMostMissedOffers()),
	}}
	v := c.view(c.cat.T("policy.title"), d)
	if w.any() {
		return c.again("policy", v, w)
	}
	return c.show("policy", v)
}

// savePolicy changes the policy from now on.
func (s *Site) savePolicy(c *call) error {
	w := c.wrongs()
	number := func(name string) int32 {
		n, err := strconv.ParseInt(c.form(name), 10, 32)
		if err != nil || n < 1 {
			w.field(name, c.cat.T("policy.need_number"))
		}
		return int32(n)
	}
	p := &bookingv1.BookingPolicy{
		LateChange: c.form("late_change"), OfferMinutes: number("offer_minutes"), OfferNoticeMinutes: number("offer_notice_minutes"),
		MostMissedOffers: number("most_missed_offers"), Etag: c.form("etag"),
	}
	paths := []string{"late_change", "offer_minutes", "offer_notice_minutes", "most_missed_offers"}
	for _, o := range waitlistOrders {
		if o.name == c.form("order") {
			p.WaitlistOrder, paths = o.keys, append(paths, "waitlist_order")
		}
	}
	if w.any() {
		return c.showPolicy(w)
	}
	_, err := s.clients.policies.UpdateBookingPolicy(c.ctx(), &bookingv1.UpdateBookingPolicyRequest{
		RequestId: c.requestID(), BookingPolicy: p, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
	})
	if err == nil {
		return c.redirect(policyPath + "?done=policy")
	}
	if !w.refused(err, nil) {
		return err
	}
	return c.showPolicy(w)
}

// holidaysPage is the form for a file of days off, and what was or would be done with it.
type holidaysPage struct {
	Fields []Field
	File   string
	Report *bookingv1.ImportHolidaysResponse
	Lines  []holidayLine
	DryRun bool
	// Again sends the same file once more, to be done.
	Again []pair
}

// holidayLine is an entry of the file in words.
type holidayLine struct {
	*bookingv1.HolidayEntry
	From, To string
}

// showHolidays shows the form; with a report also what became of every entry, and after a dry
// run the way to do it.
func (c *call) showHolidays(w *wrongs, report *bookingv1.ImportHolidaysResponse, content string) error {
	places, err := c.clients.places.ListLocations(c.ctx(), &directoryv1.ListLocationsRequest{PageSize: 500})
	if err != nil {
		return err
	}
	where := c.input(w, "select", "location", "holidays.location")
	where.Options = []Option{{Value: "", Label: c.cat.T("holidays.whole")}}
	for _, l := range places.GetLocations() {
		where.Options = append(where.Options, Option{Value: l.GetLocationId(), Label: l.GetDisplayName()})
	}
	d := holidaysPage{Fields: []Field{where}, File: w.of("file"), Report: report, DryRun: content != ""}
	if content != "" {
		d.Again = []pair{{"content", content}, {"location", c.form("location")}, {"apply", "yes"}}
	}
	for _, e := range report.GetEntries() {
		d.Lines = append(d.Lines, holidayLine{e, c.localText(e.GetStartLocal()), c.localText(e.GetEndLocal())})
	}
	v := c.view(c.cat.T("holidays.title"), d)
	v.Wide, v.Back = report != nil, "/staff/day"
	if w.any() {
		return c.again("holidays", v, w)
	}
	return c.show("holidays", v)
}

// localText says a wall time; an entry that could not be read has none.
func (c *call) localText(local string) string {
	on, at, ok := strings.Cut(local, "T")
	if !ok {
		return ""
	}
	return c.cat.DateText(on) + ", " + c.cat.Clock(on+"T"+at)
}

// importHolidays reads the file: without `apply` only to say what would be done.
func (s *Site) importHolidays(c *call) error {
	w := c.wrongs()
	content, err := c.holidayFile(w)
	if err != nil {
		return err
	}
	if w.any() {
		return c.showHolidays(w, nil, "")
	}
	apply := c.form("apply") != ""
	got, err := c.clients.shifts.ImportHolidays(c.ctx(), &bookingv1.ImportHolidaysRequest{
		RequestId: c.requestID(), Content: content, LocationId: c.form("location"), DryRun: !apply,
	})
	if err != nil {
		if !w.refused(err, map[string]string{"content": "file", "location_id": "location"}) {
			return err
		}
		return c.showHolidays(w, nil, "")
	}
	if apply {
		content = ""
	}
	return c.showHolidays(w, got, content)
}

// holidayFile is the text of the file: just sent, or carried along from the dry run.
func (c *call) holidayFile(w *wrongs) (string, error) {
	if text := c.form("content"); text != "" {
		return text, nil
	}
	if c.r.MultipartForm == nil {
		w.field("file", c.cat.T("holidays.need_file"))
		return "", nil
	}
	sent, _, err := c.r.FormFile("file")
	if err != nil {
		w.field("file", c.cat.T("holidays.need_file"))
		return "", nil
	}
	data, err := io.ReadAll(sent)
	if err = errors.Join(err, sent.Close()); err != nil {
		return "", fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the file did not arrive in full").Because(err)
	}
	return string(data), nil
}
