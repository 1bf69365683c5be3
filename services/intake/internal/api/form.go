package api

import (
	"context"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/consent"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// form serves FormService.
type form struct {
	intakev1.UnimplementedFormServiceServer
	app *app.App
}

// SetWriter: see app.SetWriter.
func (s *form) SetWriter(ctx context.Context, in *intakev1.SetWriterRequest) (*intakev1.SetWriterResponse, error) {
	w, err := s.app.SetWriter(ctx, in.GetIntakeId(), store.Writer{Name: in.GetName(), Relation: in.GetRelation()}, requestid.Fingerprint(in))
	if err != nil {
		return nil, err
	}
	return &intakev1.SetWriterResponse{Writer: writer(w)}, nil
}

// CreateResumeLink: see app.CreateResumeLink.
func (s *form) CreateResumeLink(ctx context.Context, in *intakev1.CreateResumeLinkRequest) (*intakev1.CreateResumeLinkResponse, error) {
	m, err := s.app.CreateResumeLink(ctx, in.GetIntakeId(), requestid.Fingerprint(in))
	if err != nil {
		return nil, err
	}
	return &intakev1.CreateResumeLinkResponse{MessageId: m.MessageID, ExpireTime: timestamp(m.ExpiresAt)}, nil
}

// OpenResumeLink: see app.OpenResumeLink.
func (s *form) OpenResumeLink(ctx context.Context, in *intakev1.OpenResumeLinkRequest) (*intakev1.OpenResumeLinkResponse, error) {
	o, err := s.app.OpenResumeLink(ctx, app.OpenResumeLink{Secret: in.GetToken(), FamilyName: in.GetFamilyName(), BirthDate: in.GetBirthDate()})
	if err != nil {
		return nil, err
	}
	return &intakev1.OpenResumeLinkResponse{SessionToken: o.Secret, IntakeId: o.Session.IntakeID, ExpireTime: timestamp(o.Session.ExpiresAt)}, nil
}

// ResolveFormSession: see app.FormSession.
func (s *form) ResolveFormSession(ctx context.Context, in *intakev1.ResolveFormSessionRequest) (*intakev1.ResolveFormSessionResponse, error) {
	f, err := s.app.FormSession(ctx, in.GetToken())
	if err != nil {
		return nil, err
	}
	return &intakev1.ResolveFormSessionResponse{
		SessionId: f.SessionID, ClinicId: f.ClinicID, PatientId: f.PatientID, IntakeId: f.IntakeID, ExpireTime: timestamp(f.ExpiresAt),
	}, nil
}

// CloseFormSession: see app.CloseFormSession.
func (s *form) CloseFormSession(ctx context.Context, in *intakev1.CloseFormSessionRequest) (*intakev1.CloseFormSessionResponse, error) {
	return &intakev1.CloseFormSessionResponse{}, s.app.CloseFormSession(ctx, in.GetToken())
}

// ListOutgoingMessages: see app.Outgoing.
func (s *form) ListOutgoingMessages(ctx context.Context, in *intakev1.ListOutgoingMessagesRequest) (*intakev1.ListOutgoingMessagesResponse, error) {
	all, err := s.app.Outgoing(ctx, in.GetClinicId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListOutgoingMessagesResponse{}
	for _, m := range all {
		out.Messages = append(out.Messages, &intakev1.OutgoingMessage{
			MessageId: m.MessageID, PatientId: m.PatientID, Kind: m.Kind, LanguageCode: m.Language, Link: m.Link,
			CreateTime: timestamp(m.CreatedAt), ExpireTime: timestamp(m.ExpiresAt),
		})
	}
	return out, nil
}

// ListConsents: see app.ListConsents.
func (s *form) ListConsents(ctx context.Context, in *intakev1.ListConsentsRequest) (*intakev1.ListConsentsResponse, error) {
	got, err := s.app.ListConsents(ctx, in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListConsentsResponse{}
	for _, sig := range got.Signatures {
		out.Signatures = append(out.Signatures, signature(sig))
	}
	for _, c := range got.InForce {
		one := consentText(c, in.GetLanguageCode())
		for _, sig := range out.GetSignatures() {
			if sig.GetConsentId() == c.ID && sig.GetVersion() == c.Version {
				one.Signature = sig
			}
		}
		out.Consents = append(out.Consents, one)
	}
	return out, nil
}

// SignConsent: see app.SignConsent.
func (s *form) SignConsent(ctx context.Context, in *intakev1.SignConsentRequest) (*intakev1.SignConsentResponse, error) {
	sig, err := s.app.SignConsent(ctx, app.SignConsent{
		IntakeID: in.GetIntakeId(), ConsentID: in.GetConsentId(), Version: in.GetVersion(), TextHash: in.GetTextHash(),
		Language: in.GetLanguageCode(), TypedName: in.GetTypedName(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.SignConsentResponse{Signature: signature(sig)}, nil
}

// AddPicture: see app.AddPicture.
func (s *form) AddPicture(ctx context.Context, in *intakev1.AddPictureRequest) (*intakev1.AddPictureResponse, error) {
	p, err := s.app.AddPicture(ctx, in.GetIntakeId(), in.GetKind(), in.GetContent(), requestid.Fingerprint(in))
	if err != nil {
		return nil, err
	}
	return &intakev1.AddPictureResponse{Picture: picture(p)}, nil
}

// ListPictures: see app.ListPictures.
func (s *form) ListPictures(ctx context.Context, in *intakev1.ListPicturesRequest) (*intakev1.ListPicturesResponse, error) {
	all, err := s.app.ListPictures(ctx, in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListPicturesResponse{}
	for _, p := range all {
		out.Pictures = append(out.Pictures, picture(p))
	}
	return out, nil
}

// GetPicture: see app.GetPicture.
func (s *form) GetPicture(ctx context.Context, in *intakev1.GetPictureRequest) (*intakev1.GetPictureResponse, error) {
	p, content, err := s.app.GetPicture(ctx, in.GetIntakeId(), in.GetPictureId())
	if err != nil {
		return nil, err
	}
	return &intakev1.GetPictureResponse{Picture: picture(p), Content: content}, nil
}

// DeletePicture: see app.DeletePicture.
func (s *form) DeletePicture(ctx context.Context, in *intakev1.DeletePictureRequest) (*intakev1.DeletePictureResponse, error) {
	return &intakev1.DeletePictureResponse{}, s.app.DeletePicture(ctx, in.GetIntakeId(), in.GetPictureId(), requestid.Fingerprint(in))
}

// writer writes who fills a form in; nil for the patient.
func writer(w store.Writer) *intakev1.Writer {
	if w == (store.Writer{}) {
		return nil
	}
	return &intakev1.Writer{Name: w.Name, Relation: w.Relation}
}

func consentText(c consent.Consent, language string) *intakev1.Consent {
	text, lang := c.In(language)
	return &intakev1.Consent{
		ConsentId: c.ID, Version: c.Version, Title: text.Title, Paragraphs: text.Paragraphs, LanguageCode: lang, TextHash: text.Hash(),
	}
}

func signature(s store.Signature) *intakev1.ConsentSignature {
	return &intakev1.ConsentSignature{
		ConsentId: s.ConsentID, Version: s.Version, LanguageCode: s.Language, TextHash: s.TextHash, TypedName: s.TypedName,
		Writer: writer(s.Writer), SignedBy: s.SignedBy, SignTime: timestamp(s.SignedAt),
	}
}

func picture(p store.Picture) *intakev1.Picture {
	return &intakev1.Picture{
		PictureId: p.PictureID, Kind: p.Kind, MediaType: p.MediaType, SizeBytes: p.Size, Width: int32(p.Width), Height: int32(p.Height), //nolint:gosec // at most 64 million pixels
		AddedBy: p.AddedBy, AddTime: timestamp(p.AddedAt),
	}
}
