package api

import (
	"context"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

// questionnaires serves QuestionnaireService.
type questionnaires struct {
	intakev1.UnimplementedQuestionnaireServiceServer
	app *app.App
}

// ListQuestionnaires: see app.Questionnaires.
func (s *questionnaires) ListQuestionnaires(ctx context.Context, in *intakev1.ListQuestionnairesRequest) (*intakev1.ListQuestionnairesResponse, error) {
	out := &intakev1.ListQuestionnairesResponse{}
	sets, err := s.app.Questionnaires(ctx)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		out.Questionnaires = append(out.Questionnaires, questionnaire(set, in.GetLanguageCode(), s.app.Languages(ctx, set)))
	}
	return out, nil
}

// GetQuestionnaire fails with NOT_FOUND.
func (s *questionnaires) GetQuestionnaire(ctx context.Context, in *intakev1.GetQuestionnaireRequest) (*intakev1.GetQuestionnaireResponse, error) {
	set, err := s.app.Questionnaire(ctx, in.GetQuestionnaireId(), in.GetVersion())
	if err != nil {
		return nil, err
	}
	return &intakev1.GetQuestionnaireResponse{Questionnaire: questionnaire(set, in.GetLanguageCode(), s.app.Languages(ctx, set))}, nil
}

func questionnaire(set *triage.Set, wanted string, languages []string) *intakev1.Questionnaire {
	lang := "en"
	if slices.Contains(languages, wanted) {
		lang = wanted
	}
	out := &intakev1.Questionnaire{
		QuestionnaireId: set.ID, Version: set.Version, RuleSetVersion: set.RuleSetVersion(),
		Title: set.Title.In(lang), LanguageCode: lang, Languages: languages,
	}
	for i := range set.Pages {
		p := &set.Pages[i]
		out.Pages = append(out.Pages, &intakev1.QuestionnairePage{
			Id: p.ID, Title: p.Title.In(lang), Intro: p.Intro.In(lang), QuestionIds: items(set, p.Questions), Layout: p.Layout, HelpTopic: p.HelpTopic,
		})
		for _, id := range p.Questions {
			switch q, ok := set.Question(id); {
			case !ok:
			case q.Type == triage.TypeMarks:
				out.BodyMaps = append(out.BodyMaps, bodyMap(set, q, lang))
			default:
				out.Items = append(out.Items, question(set, q, lang))
			}
		}
	}
	for _, m := range set.MiniScreen {
		out.MiniScreen = append(out.MiniScreen, &intakev1.MiniScreenItem{Id: m.ID, Text: m.Text.In(lang)})
	}
	return out
}

// items are the questions of a list that are not body maps.
func items(set *triage.Set, ids []string) (out []string) {
	for _, id := range ids {
		if q, ok := set.Question(id); ok && q.Type != triage.TypeMarks {
			out = append(out, id)
		}
	}
	return out
}

func bodyMap(set *triage.Set, q *triage.Question, lang string) *intakev1.BodyMap {
	return &intakev1.BodyMap{
		Id: q.ID, Text: q.Text.In(lang), Help: q.Help.In(lang), Regions: options(q, lang), NoneLabel: q.NoneLabel.In(lang),
		SetsQuestionId: q.Sets, PageId: set.PageOf(q),
	}
}

func options(q *triage.Question, lang string) (out []*intakev1.QuestionOption) {
	for _, o := range q.Options {
		out = append(out, &intakev1.QuestionOption{Id: o.ID, Label: o.Label.In(lang), Sides: o.Sides})
	}
	return out
}

func question(set *triage.Set, q *triage.Question, lang string) *intakev1.Question {
	out := &intakev1.Question{
		Id: q.ID, Type: string(q.Type), Text: q.Text.In(lang), Help: q.Help.In(lang), AskWhen: askWhen(q), AskWhenCel: q.AskWhenCEL(),
		Required: q.Required, PageId: set.PageOf(q), Group: q.Group, Min: q.Min, Max: q.Max, Unit: q.Unit,
		NoneLabel: q.NoneLabel.In(lang), TickOption: q.TickOption, NoneOption: q.NoneOption,
	}
	out.Options = options(q, lang)
	for _, p := range q.Scale {
		out.ScalePoints = append(out.ScalePoints, &intakev1.ScalePoint{Value: p.Value, Label: p.Label.In(lang)})
	}
	return out
}

// askWhen writes a condition as the operator list that it was written as; nil when there
// is none, or when it was written in CEL.
func askWhen(q *triage.Question) *structpb.ListValue {
	var list []any
	if len(q.AskWhen) == 0 || json.Unmarshal(q.AskWhen, &list) != nil {
		return nil
	}
	out, err := structpb.NewList(list)
	if err != nil { // plain JSON is always a list value
		return nil
	}
	return out
}
