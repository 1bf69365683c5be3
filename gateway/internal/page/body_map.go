package page

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// bodyMap is a picture of the body, front and back, with the list of its regions beside it.
type bodyMap struct {
	ID, Label, Hint, Error, None string
	NoneChecked                  bool
	Regions                      []mapRegion
	// Views are the two sides of the picture, with the places on each.
	Views []mapView
	// Numbers are the pain that can be chosen.
	Numbers []string
}

// mapRegion is a region with its places.
type mapRegion struct {
	Label  string
	Places []place
}

// place is one side of a region: a tick box in the list, and a spot on the picture.
type place struct {
	// Code is "region:side", ID the id of the tick box.
	Code, ID string
	// Label names it in full, so that it makes sense out of the list.
	Label string
	// Side is the side alone.
	Side   string
	Marked bool
	// Pain is the pain there, "" when it was not given.
	Pain string
}

// mapView is the body from the front or from the back.
type mapView struct {
	Name  string
	Spots []spot
}

// spot is a place on the picture. Its column is that of the picture: seen from the front,
// the left side of the body is on the right.
type spot struct {
	place
	Row, Column string
}

// views says on which pictures a region is.
var views = map[string][]string{
	"neck": {"front", "back"}, "shoulder": {"front", "back"}, "chest_wall": {"front"},
	"upper_back": {"back"}, "between_shoulder_blades": {"back"}, "mid_back": {"back"}, "low_back": {"back"},
}

// mapOf returns the body map of a page, or nil.
func (f *form) mapOf(pageID string) *intakev1.BodyMap {
	for _, m := range f.Form.GetBodyMaps() {
		if m.GetPageId() == pageID {
			return m
		}
	}
	return nil
}

// useMap reports whether a body map can show the answers: a list that was answered without
// it has no sides, and is shown as the list that it is.
func (f *form) useMap(m *intakev1.BodyMap) bool {
	_, marked := f.GetAnswers()[m.GetId()]
	_, listed := f.GetAnswers()[m.GetSetsQuestionId()]
	return marked || !listed
}

// marksOf reads marks: "region:side" to the pain, "" without one.
func marksOf(list []string) map[string]string {
	marks := map[string]string{}
	for _, text := range list {
		parts := strings.SplitN(text, ":", 3)
		switch len(parts) {
		case 2:
			marks[text] = ""
		case 3:
			marks[parts[0]+":"+parts[1]] = parts[2]
		}
	}
	return marks
}

// bodyMap lays out a map with its marks.
func (c *call) bodyMap(m *intakev1.BodyMap, marks map[string]string) *bodyMap {
	d := &bodyMap{ID: m.GetId(), Label: m.GetText(), Hint: m.GetHelp(), None: m.GetNoneLabel()}
	for pain := range 11 {
		d.Numbers = append(d.Numbers, strconv.Itoa(pain))
	}
	front, back := mapView{Name: c.cat.T("map.front")}, mapView{Name: c.cat.T("map.back")}
	for _, r := range m.GetRegions() {
		region := mapRegion{Label: r.GetLabel()}
		for _, side := range r.GetSides() {
			one := place{
				Code: r.GetId() + ":" + side, ID: "m-" + r.GetId() + "-" + side, Side: c.cat.T("map." + side),
				Label: c.cat.T("map.place", "region", r.GetLabel(), "side", c.cat.T("map."+side)),
			}
			one.Pain, one.Marked = marks[one.Code], false
			_, one.Marked = marks[one.Code]
			region.Places = append(region.Places, one)
			if slices.Contains(views[r.GetId()], "front") {
				front.Spots = append(front.Spots, spot{one, "row-" + r.GetId(), mirrored(side)})
			}
			if slices.Contains(views[r.GetId()], "back") {
				back.Spots = append(back.Spots, spot{one, "row-" + r.GetId(), "col-" + side})
			}
		}
		d.Regions = append(d.Regions, region)
	}
	d.Views = []mapView{front, back}
	return d
}

// mirrored is the column of a side of the body that is seen from the front.
func mirrored(side string) string {
	switch side {
	case "left":
		return "col-right"
	case "right":
		return "col-left"
	}
	return "col-" + side
}

// topicMap makes the body map of a page: with what was just sent, or what does not fit and
// was kept, or what is stored.
func (c *call) topicMap(f *form, m *intakev1.BodyMap, w *wrongs) *bodyMap {
	var list []string
	noneGiven := false
	switch typed := f.GetTyped()[m.GetId()]; {
	case w != nil:
		list, noneGiven = c.sentMarks()
	case typed != nil:
		list, noneGiven = given(typed.GetValues())
	default:
		list, noneGiven = texts(f.GetAnswers()[m.GetId()])
	}
	d := c.bodyMap(m, marksOf(list))
	d.NoneChecked, d.Error = noneGiven, w.of("m")
	if w == nil && f.GetTyped()[m.GetId()] != nil {
		d.Error = c.cat.T("intake.none_and_some")
	}
	return d
}

// sentMarks reads the marks that a form sends: the tick boxes, and pain in a place, which
// marks it too.
func (c *call) sentMarks() (marks []string, none bool) {
	ticked, none := given(c.forms("m"))
	for name := range c.r.PostForm {
		if code, ok := strings.CutPrefix(name, "p."); ok && c.form(name) != "" && !slices.Contains(ticked, code) {
			ticked = append(ticked, code)
		}
	}
	slices.Sort(ticked)
	for _, code := range slices.Compact(ticked) {
		if pain := c.form("p." + code); pain != "" {
			code += ":" + pain
		}
		marks = append(marks, code)
	}
	return marks, none
}

// answerMap reads a body map. Places beside "None of these" are kept as they were given.
func (c *call) answerMap(m *intakev1.BodyMap, w *wrongs, out *sentAnswers) {
	marks, none := c.sentMarks()
	switch {
	case none && len(marks) > 0:
		w.field("m", c.cat.T("intake.none_and_some"))
		out.keep(m.GetId(), append([]string{noneValue}, marks...))
	case !none && len(marks) == 0:
		w.field("m", c.cat.T("map.need"))
	default:
		list := &structpb.ListValue{}
		for _, mark := range marks {
			list.Values = append(list.Values, structpb.NewStringValue(mark))
		}
		out.answers[m.GetId()] = structpb.NewListValue(list)
	}
}

// mapFindings is the map of a form as a clinician reads it; nil when nothing is marked.
func (c *call) mapFindings(f *form) *bodyMap {
	for _, m := range f.Form.GetBodyMaps() {
		if list, _ := texts(f.GetAnswers()[m.GetId()]); len(list) > 0 {
			return c.bodyMap(m, marksOf(list))
		}
	}
	return nil
}

// Marks are the places that are marked, in the order of the regions.
func (b *bodyMap) Marks() (marked []place) {
	for _, r := range b.Regions {
		for _, p := range r.Places {
			if p.Marked {
				marked = append(marked, p)
			}
		}
	}
	return marked
}
