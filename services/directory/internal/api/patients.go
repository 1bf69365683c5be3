package api

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

// patientServer serves PatientService.
type patientServer struct {
	directoryv1.UnimplementedPatientServiceServer
	app *app.App
}

var patientCodec = codec[people.Patient, *directoryv1.Patient]{
	encode: encodePatient, decode: decodePatient,
	serverSet: []string{
		"patient_id", "state", "merged_into", "merged_patient_ids", "possible_duplicate_ids", "create_time", "update_time", "etag",
	},
}

func encodePatient(p people.Patient) *directoryv1.Patient {
	m := &directoryv1.Patient{
		PatientId: p.ID, GivenName: p.GivenName, FamilyName: p.FamilyName, PreferredName: p.PreferredName, FormerNames: p.FormerNames,
		BirthDate: p.BirthDate.String(), AdministrativeSex: p.AdministrativeSex, Phone: p.Phone, Email: p.Email, Language: p.Language,
		Address: encodeAddress(p.Address), ExternalNumber: p.ExternalNumber, State: "ACTIVE", Unverified: p.Unverified,
		EmergencyContact: &directoryv1.EmergencyContact{
			Name: p.EmergencyContact.Name, Phone: p.EmergencyContact.Phone, Relation: p.EmergencyContact.Relation,
		},
		CreateTime: stamp(p.CreatedAt), UpdateTime: stamp(p.UpdatedAt), Etag: etag(p.Version),
	}
	if p.MergedInto != "" {
		m.State, m.MergedInto = "MERGED", p.SurvivingID
	}
	return m
}

func encodePatientView(v app.PatientView) *directoryv1.Patient {
	m := encodePatient(v.Patient)
	m.MergedPatientIds, m.PossibleDuplicateIds = v.MergedIDs, v.DuplicateIDs
	return m
}

func decodePatient(p people.Patient, m *directoryv1.Patient) (people.Patient, error) {
	birth, err := people.ParseDate("patient.birth_date", m.GetBirthDate())
	p.GivenName, p.FamilyName, p.PreferredName, p.FormerNames = m.GetGivenName(), m.GetFamilyName(), m.GetPreferredName(), m.GetFormerNames()
	p.BirthDate, p.AdministrativeSex, p.Phone, p.Email = birth, m.GetAdministrativeSex(), m.GetPhone(), m.GetEmail()
	p.Language, p.Address, p.ExternalNumber, p.Unverified = m.GetLanguage(), decodeAddress(m.GetAddress()), m.GetExternalNumber(), m.GetUnverified()
	p.EmergencyContact = people.EmergencyContact{
		Name: m.GetEmergencyContact().GetName(), Phone: m.GetEmergencyContact().GetPhone(), Relation: m.GetEmergencyContact().GetRelation(),
	}
	return p, err
}

func (s patientServer) VerifyPatient(ctx context.Context, r *directoryv1.VerifyPatientRequest) (*directoryv1.VerifyPatientResponse, error) {
	matches, err := s.app.VerifyPatient(ctx, r.GetPatientId(), r.GetFamilyName(), r.GetBirthDate())
	return &directoryv1.VerifyPatientResponse{Matches: matches}, err
}

func (s patientServer) CreatePatient(ctx context.Context, r *directoryv1.CreatePatientRequest) (*directoryv1.CreatePatientResponse, error) {
	p, err := decodePatient(people.Patient{}, r.GetPatient())
	if err != nil {
		return nil, err
	}
	view, err := s.app.CreatePatient(ctx, fingerprint(r), p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreatePatientResponse{Patient: encodePatientView(view)}, nil
}

func (s patientServer) RegisterPatient(ctx context.Context, r *directoryv1.RegisterPatientRequest) (*directoryv1.RegisterPatientResponse, error) {
	birth, err := people.ParseDate("birth_date", r.GetBirthDate())
	if err != nil {
		return nil, err
	}
	p, err := s.app.RegisterPatient(ctx, fingerprint(r, "password"), app.Registration{
		Clinic: r.GetClinic(), Password: r.GetPassword(), Address: clientAddress(ctx),
		Patient: people.Patient{
			GivenName: r.GetGivenName(), FamilyName: r.GetFamilyName(), BirthDate: birth,
			Phone: r.GetPhone(), Email: r.GetEmail(), Language: r.GetLanguage(),
		},
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.RegisterPatientResponse{Patient: encodePatient(p)}, nil
}

func (s patientServer) GetPatient(ctx context.Context, r *directoryv1.GetPatientRequest) (*directoryv1.GetPatientResponse, error) {
	view, err := s.app.GetPatient(ctx, r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetPatientResponse{Patient: encodePatientView(view)}, nil
}

func (s patientServer) UpdatePatient(ctx context.Context, r *directoryv1.UpdatePatientRequest) (*directoryv1.UpdatePatientResponse, error) {
	change, err := patientCodec.change(r.GetPatient().GetPatientId(), r.GetPatient().GetEtag(), r.GetPatient(), r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	view, err := s.app.UpdatePatient(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdatePatientResponse{Patient: encodePatientView(view)}, nil
}

func (s patientServer) SearchPatients(ctx context.Context, r *directoryv1.SearchPatientsRequest) (*directoryv1.SearchPatientsResponse, error) {
	patients, next, err := s.app.SearchPatients(ctx, r.GetQuery(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &directoryv1.SearchPatientsResponse{Patients: each(patients, encodePatient), NextPageToken: next}, nil
}

func (s patientServer) BatchGetPatients(ctx context.Context, r *directoryv1.BatchGetPatientsRequest) (*directoryv1.BatchGetPatientsResponse, error) {
	patients, err := s.app.BatchGetPatients(ctx, r.GetPatientIds())
	if err != nil {
		return nil, err
	}
	return &directoryv1.BatchGetPatientsResponse{Patients: each(patients, encodePatient)}, nil
}

func (s patientServer) MergePatients(ctx context.Context, r *directoryv1.MergePatientsRequest) (*directoryv1.MergePatientsResponse, error) {
	view, err := s.app.MergePatients(ctx, fingerprint(r), r.GetPatientId(), r.GetSurvivingPatientId(), r.GetReasonCode())
	if err != nil {
		return nil, err
	}
	return &directoryv1.MergePatientsResponse{Patient: encodePatientView(view)}, nil
}

func (s patientServer) UnmergePatients(ctx context.Context, r *directoryv1.UnmergePatientsRequest) (*directoryv1.UnmergePatientsResponse, error) {
	view, err := s.app.UnmergePatients(ctx, fingerprint(r), r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.UnmergePatientsResponse{Patient: encodePatientView(view)}, nil
}
