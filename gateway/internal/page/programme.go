package page

import (
	"cmp"
	"strconv"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// programmePage is what a patient does at home, to be read and printed.
type programmePage struct {
	Patient    string
	Of         []Option
	Programmes []programmeCard
	Aftercare  []*plansv1.AftercareMessage
}

// programmeCard is one programme with the times of today.
type programmeCard struct {
	*plansv1.HomeProgramme
	Items  []itemCard
	Letter string // address of the letter to the employer; empty when none goes with it
}

// itemCard is one item in words.
type itemCard struct {
	*plansv1.ProgrammeItem
	Numbers []string // how long, how often
	Times   []string // today's, when it has times
}

// meProgramme shows it.
func (s *Site) meProgramme(c *call) error {
	id, of, err := c.self()
	if err != nil {
		return err
	}
	d := programmePage{Patient: id}
	if len(of) > 1 {
		d.Of = of
	}
	list, err := c.homes().ListHomeProgrammes(c.ctx(), &plansv1.ListHomeProgrammesRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return err
	}
	for _, p := range list.GetProgrammes() {
		card, err := c.programme(p)
		if err != nil {
			return err
		}
		d.Programmes = append(d.Programmes, card)
	}
	told, err := c.homes().ListAftercare(c.ctx(), &plansv1.ListAftercareRequest{PatientId: id})
	if err != nil {
		return err
	}
	d.Aftercare = told.GetMessages()
	v := c.view(c.cat.T("programme.title"), d)
	v.Back = "/me"
	return c.show("programme", v)
}

// programme puts a programme into words, with today's times.
func (c *call) programme(p *plansv1.HomeProgramme) (programmeCard, error) {
	card := programmeCard{HomeProgramme: p}
	day, err := c.homes().GetHomeSchedule(c.ctx(), &plansv1.GetHomeScheduleRequest{ProgrammeId: p.GetProgrammeId()})
	if err != nil {
		return card, err
	}
	times := map[string][]string{}
	for _, s := range day.GetSlots() {
		if s.GetAt() != "" {
			times[s.GetCode()] = append(times[s.GetCode()], s.GetAt())
		}
	}
	for _, i := range p.GetItems() {
		if i.GetComplete() {
			continue
		}
		if i.GetItem().GetEmployerLetter() {
			card.Letter = "/me/programme/" + p.GetProgrammeId() + "/letter"
		}
		card.Items = append(card.Items, itemCard{i, c.numbersOf(i), times[i.GetSetting().GetCode()]})
	}
	return card, nil
}

// numbersOf says how long and how often.
func (c *call) numbersOf(i *plansv1.ProgrammeItem) []string {
	var out []string
	s := i.GetSetting()
	if n := s.GetHoldSeconds(); n > 0 {
		words := i.GetItem().GetHoldSeconds().GetWords()
		if n != i.GetItem().GetHoldSeconds().GetDefaultValue() {
			words = ""
		}
		out = append(out, c.cat.T("programme.hold", "time", cmp.Or(words, c.cat.T("programme.seconds", "n", strconv.Itoa(int(n))))))
	}
	say := func(key string, n, least int32) {
		if n >= least {
			out = append(out, c.cat.T(key, "n", strconv.Itoa(int(n))))
		}
	}
	say("programme.repeat", s.GetRepetitions(), 1)
	say("programme.minutes", s.GetMinutes(), 1)
	say("programme.per_day", s.GetPerDay(), 2)
	if i.GetItem().GetEachSide() {
		out = append(out, c.cat.T("programme.each_side"))
	}
	if s.GetEndDate() != "" {
		out = append(out, c.cat.T("programme.until", "date", c.cat.DateText(s.GetEndDate())))
	}
	return out
}

// letterPage is the letter to an employer.
type letterPage struct {
	*plansv1.GetEmployerLetterResponse
	Date string
}

// meLetter shows the letter to its patient.
func (s *Site) meLetter(c *call) error { return c.letter("/me/programme") }

// letter shows the letter, to be printed. No diagnosis is in it.
func (c *call) letter(back string) error {
	l, err := c.homes().GetEmployerLetter(c.ctx(), &plansv1.GetEmployerLetterRequest{ProgrammeId: c.path("programme_id")})
	if err != nil {
		return err
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	v := c.view(l.GetSubject(), letterPage{l, c.today(clinic).String()})
	v.Back = back
	return c.show("letter", v)
}
