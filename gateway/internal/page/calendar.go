package page

import (
	"html/template"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// calendarRoutes are where people get appointments into their own calendar programs.
func (s *Site) calendarRoutes() []route.Route {
	var rows []route.Route
	for _, area := range []struct {
		base   string
		access route.Access
		staff  bool
	}{{"/me", patients, false}, {"/staff", desk, true}} {
		base := area.base + "/calendar"
		page := func(c *call) error { return c.calendars(base, area.staff, c.wrongs()) }
		rows = append(rows,
			s.row("GET "+base, area.access, page),
			s.row("POST "+base, area.access, func(c *call) error { return c.newFeed(base, area.staff) }),
			s.row("POST "+base+"/{feed_id}/revoke", area.access, func(c *call) error { return c.revokeFeed(base) }))
	}
	return rows
}

// calendarPage lists the addresses at which calendar programs read appointments.
type calendarPage struct {
	Base   string
	Staff  bool
	Feeds  []feedLine
	Fields []Field
}

// feedLine is one address, without the address.
type feedLine struct {
	*bookingv1.CalendarFeed
	// Of is whose appointments it has.
	Of string
	// Since is the civil date on which it was made.
	Since string
}

// calendars shows the addresses that there are, and the form for one more.
func (c *call) calendars(base string, staff bool, w *wrongs) error {
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	got, err := c.clients.calendars.ListCalendarFeeds(c.ctx(), &bookingv1.ListCalendarFeedsRequest{})
	if err != nil {
		return err
	}
	subjects, err := c.subjects(staff)
	if err != nil {
		return err
	}
	d := calendarPage{Base: base, Staff: staff}
	for _, f := range got.GetCalendarFeeds() {
		line := feedLine{CalendarFeed: f, Since: f.GetCreateTime().AsTime().In(c.zone(clinic.GetTimeZone())).Format("2006-01-02")}
		i := slices.IndexFunc(subjects, func(o Option) bool { return o.Value == f.GetSubjectKind()+"."+f.GetSubjectId() })
		if i >= 0 {
			line.Of = subjects[i].Label
		} else {
			line.Of = c.cat.T("calendar.of_patient")
		}
		d.Feeds = append(d.Feeds, line)
	}
	of := Field{Kind: "select", Name: "subject", Label: c.cat.T("calendar.of"), Options: subjects, Value: c.form("subject"), Error: w.of("subject")}
	names := Field{Kind: "checks", Name: "names", Label: c.cat.T("calendar.shows"), Options: []Option{
		{Value: "yes", Label: c.cat.T("calendar.names"), Hint: c.cat.T("calendar.names_hint"), Checked: c.form("names") != ""},
	}}
	if len(subjects) > 1 {
		d.Fields = append(d.Fields, of)
	}
	d.Fields = append(d.Fields, names)
	v := c.view(c.cat.T("calendar.title"), d)
	v.Back = "/me"
	if staff {
		v.Back = "/staff/day"
	}
	if w.any() {
		return c.again("calendar", v, w)
	}
	return c.show("calendar", v)
}

// subjects are whose appointments the person may have in a calendar: everybody that they act
// for, or with staff the practitioners and rooms.
func (c *call) subjects(staff bool) (list []Option, err error) {
	if !staff {
		for _, p := range c.actingFor() {
			list = append(list, Option{Value: "PATIENT." + p.GetPatientId(), Label: p.GetDisplayName()})
		}
		return list, nil
	}
	all, err := c.practitioners()
	if err != nil {
		return nil, err
	}
	list = practitionerOptions(all)
	for i := range list {
		list[i].Value = "PRACTITIONER." + list[i].Value
	}
	own := slices.IndexFunc(list, func(o Option) bool { return o.Value == "PRACTITIONER."+c.who().PractitionerID })
	if own > 0 { // a clinician's own comes first
		mine := list[own]
		list = slices.Insert(slices.Delete(list, own, own+1), 0, mine)
	}
	rooms, err := c.clients.places.ListRooms(c.ctx(), &directoryv1.ListRoomsRequest{PageSize: 500})
	if err != nil {
		return nil, err
	}
	for _, r := range rooms.GetRooms() {
		list = append(list, Option{Value: "ROOM." + r.GetRoomId(), Label: r.GetDisplayName()})
	}
	return list, nil
}

// feedPage shows a new address, this once.
type feedPage struct {
	Base string
	// Address is empty when the form was sent twice: the first answer had it.
	Address string
	// Open is the address in the form that phones open in their calendar.
	Open template.URL
}

// newFeed makes an address and shows it. It is not shown again, so this is no redirect.
func (c *call) newFeed(base string, staff bool) error {
	subject := c.form("subject")
	if subjects, err := c.subjects(staff); err != nil {
		return err
	} else if subject == "" && len(subjects) > 0 {
		subject = subjects[0].Value
	}
	kind, id, _ := strings.Cut(subject, ".")
	got, err := c.clients.calendars.CreateCalendarFeed(c.ctx(), &bookingv1.CreateCalendarFeedRequest{
		RequestId: c.requestID(), SubjectKind: kind, SubjectId: id, ShowNames: c.form("names") != "",
	})
	if err != nil {
		w := c.wrongs()
		if !w.refused(err, map[string]string{"subject_kind": "subject", "subject_id": "subject"}) {
			return err
		}
		return c.calendars(base, staff, w)
	}
	d := feedPage{Base: base}
	if path := got.GetCalendarFeed().GetPath(); path != "" {
		scheme := "http://"
		if c.cfg.Cookies.Secure {
			scheme = "https://"
		}
		d.Address = scheme + c.r.Host + path
		d.Open = template.URL("webcal://" + c.r.Host + path) //nolint:gosec // html/template does not know the scheme
	}
	v := c.view(c.cat.T("calendar.new_title"), d)
	v.Back = base
	return c.show("calendar_new", v)
}

// revokeFeed ends an address.
func (c *call) revokeFeed(base string) error {
	return c.act(base, "calendar_revoked", func() error {
		_, err := c.clients.calendars.DeleteCalendarFeed(c.ctx(), &bookingv1.DeleteCalendarFeedRequest{
			RequestId: c.requestID(), CalendarFeedId: c.path("feed_id"),
		})
		return err
	})
}
