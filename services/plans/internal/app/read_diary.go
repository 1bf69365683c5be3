package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Period is from one civil date to another, both counted; zero dates are open ends.
type Period struct{ From, To civil.Date }

func (d Period) check() error {
	if !d.From.IsZero() && !d.To.IsZero() && d.To.Before(d.From) {
		return fault.Invalid("end_date", "is before the first date")
	}
	return nil
}

// ListDiary gives a patient's diary, newest first, and where the next page starts; empty at
// the end. NOT_FOUND for an unknown patient.
func (a *App) ListDiary(ctx context.Context, patientID string, period Period, page Page) ([]store.DiaryEntry, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, "", err
	}
	if err := period.check(); err != nil {
		return nil, "", err
	}
	before, beforeID, err := page.dated()
	if err != nil {
		return nil, "", err
	}
	size := page.size(100, 500)
	var found []store.DiaryEntry
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = store.DiaryPage(tx, clinicID, survivor, period.From, period.To, before, beforeID, size+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > size {
		found = found[:size]
		next = datedToken(found[size-1].Date, found[size-1].ID)
	}
	return found, next, a.logRead(ctx, p, "diary.list", survivor, survivor)
}

// dated reads a token of a list that is by date. INVALID_ARGUMENT for one that no list has
// given.
func (p Page) dated() (date, id string, err error) {
	if p.Token == "" {
		return "", "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Token)
	date, id, ok := strings.Cut(string(text), " ")
	_, err2 := civil.Parse(date)
	if err != nil || err2 != nil || !ok {
		return "", "", fault.Invalid("page_token", "is not one that a list has given")
	}
	return date, id, nil
}

func datedToken(d civil.Date, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(d.String() + " " + id))
}

// DiaryTrend is a diary at a glance.
type DiaryTrend struct {
	Days      []diary.Day
	Trend     diary.Trend
	DaysTotal int
	Adherence []Adherence
	Findings  []diary.Finding // about the last day that something was noted on
}

// Adherence is how much of one item of the home programme was done.
type Adherence struct {
	Code          string
	Planned, Done int
}

// trendDays is the usual period of a trend.
const trendDays = 28

// trendMost is the longest.
const trendMost = 400

// GetDiaryTrend gives a diary day by day, where it is heading, and how much of the home
// programme was done. INVALID_ARGUMENT for a period of more than 400 days.
func (a *App) GetDiaryTrend(ctx context.Context, patientID string, period Period) (DiaryTrend, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return DiaryTrend{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return DiaryTrend{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return DiaryTrend{}, err
	}
	if period.To.IsZero() {
		period.To = today
	}
	if period.From.IsZero() {
		period.From = period.To.AddDays(1 - trendDays)
	}
	if err := period.check(); err != nil {
		return DiaryTrend{}, err
	}
	if period.From.DaysUntil(period.To) >= trendMost {
		return DiaryTrend{}, fault.Invalid("start_date", "the period is too long")
	}
	var t DiaryTrend
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		rows, err := store.DiaryBetween(tx, clinicID, survivor, period.From, period.To)
		if err != nil {
			return err
		}
		t = DiaryTrend{Days: diary.Days(entriesOf(rows))}
		t.Trend = a.cfg.Diary.Trend(t.Days)
		end := period.To
		if end.After(today) {
			end = today
		}
		t.DaysTotal = max(0, period.From.DaysUntil(end)+1)
		if n := len(t.Days); n > 0 {
			injections, err := a.injectionsForDiary(tx, clinicID, survivor)
			if err != nil {
				return err
			}
			t.Findings = a.cfg.Diary.Judge(diary.Situation{Days: t.Days, Injections: injections, Sided: a.sided}, t.Days[n-1].Date)
		}
		t.Adherence, err = a.adherence(tx, clinicID, survivor, Period{period.From, end}, t.Days)
		return err
	})
	if err != nil {
		return DiaryTrend{}, err
	}
	return t, a.logRead(ctx, p, "diary.trend", survivor, survivor)
}

// File is a text to be saved.
type File struct {
	Name, ContentType, Content string
	Entries                    int
}

// exported is an entry as a file has it.
type exported struct {
	Date         string   `json:"local_date"`
	Time         string   `json:"noted_time"`
	Zone         string   `json:"time_zone"`
	Pain         *int     `json:"pain"`
	Interference *int     `json:"interference"`
	Activity     string   `json:"activity"`
	Medicine     string   `json:"medicine"`
	Note         string   `json:"note"`
	Tags         []string `json:"tags"`
	Done         []string `json:"done"`
	Corrected    bool     `json:"corrected"`
}

// ExportDiary gives a diary, oldest first, as the text of a file: CSV, or JSON.
func (a *App) ExportDiary(ctx context.Context, patientID, format string, period Period) (File, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return File{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return File{}, err
	}
	if err := period.check(); err != nil {
		return File{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return File{}, err
	}
	var rows []store.DiaryEntry
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		rows, err = store.DiaryBetween(tx, clinicID, survivor, period.From, period.To)
		return err
	})
	if err != nil {
		return File{}, err
	}
	list := make([]exported, len(rows))
	for i, e := range rows {
		list[i] = exportOf(e)
	}
	f := File{Entries: len(list)}
	if format == "JSON" {
		text, err := json.MarshalIndent(list, "", "  ")
		if err != nil {
			return File{}, err
		}
		f.Name, f.ContentType, f.Content = "diary-"+today.String()+".json", "application/json", string(text)+"\n"
	} else if f.Content, err = csvOf(list); err != nil {
		return File{}, err
	} else {
		f.Name, f.ContentType = "diary-"+today.String()+".csv", "text/csv"
	}
	return f, a.logRead(ctx, p, "diary.export", survivor, survivor)
}

func exportOf(e store.DiaryEntry) exported {
	x := exported{
		Date: e.Date.String(), Time: e.At.UTC().Format("2006-01-02T15:04:05Z"), Zone: e.Zone, Pain: e.Pain, Interference: e.Interference,
		Activity: e.Activity, Medicine: e.Medicine, Note: e.Note, Tags: append([]string{}, e.Tags...), Done: []string{}, Corrected: e.Corrected,
	}
	for _, d := range e.Done {
		word := d.Code
		if d.Side != "" {
			word += " " + d.Side
		}
		if d.Minutes > 0 {
			word += " " + strconv.Itoa(d.Minutes) + "min"
		}
		x.Done = append(x.Done, word)
	}
	return x
}

// csvOf writes a table.
func csvOf(list []exported) (string, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{
		"local_date", "noted_time", "time_zone", "pain", "interference", "activity", "medicine", "note", "tags", "done", "corrected",
	}}
	for _, x := range list {
		rows = append(rows, []string{
			x.Date, x.Time, x.Zone, number(x.Pain), number(x.Interference), cell(x.Activity), cell(x.Medicine), cell(x.Note),
			strings.Join(x.Tags, " "), strings.Join(x.Done, ", "), strconv.FormatBool(x.Corrected),
		})
	}
	err := w.WriteAll(rows)
	return b.String(), err
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// cell keeps a spreadsheet from taking a patient's text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
