package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Clinic is directory's clinic as booking needs it.
type Clinic struct {
	ID, TimeZone  string
	SourceVersion int64
}

// Location is directory's location as booking needs it.
type Location struct {
	ID, TimeZone  string
	Active        bool
	SourceVersion int64
}

// Resource is directory's practitioner, room or equipment as booking needs it. Capabilities
// of a practitioner are disciplines.
type Resource struct {
	schedule.Resource
	Credentials   []schedule.Credential
	SourceVersion int64
}

// CatalogueVersion is the version of all that openings of a clinic are computed from, and
// false when the clinic is not known here.
func CatalogueVersion(tx *sqldb.Tx, clinicID string) (int64, bool, error) {
	var v int64
	err := tx.QueryRow(`SELECT catalogue_version from clinics where clinic_id = $1`, clinicID).Scan(&v)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("store: read the catalogue's version: %w", err)
	}
	return v, true, nil
}

// BumpCatalogue says that the catalogue has changed and returns its new version. The row
// stays locked, so that versions are given in the order of commits.
func BumpCatalogue(tx *sqldb.Tx, clinicID string) (int64, error) {
	var v int64
	err := tx.QueryRow(`update clinics set catalogue_version = catalogue_version + 1 where clinic_id = $1 returning catalogue_version`,
		clinicID).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("store: advance the catalogue's version: %w", err)
	}
	return v, nil
}

// ListClinicIDs returns every clinic known here.
func ListClinicIDs(tx *sqldb.Tx) (ids []string, err error) {
	rows, err := tx.Query(`select clinic_id from clinics order by clinic_id`)
	if err != nil {
		return nil, fmt.Errorf("store: list clinics: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// PutClinic stores the clinic, unless a newer one is there, and says whether it did.
func PutClinic(tx *sqldb.Tx, c Clinic) (bool, error) {
	n, err := tx.Exec(`insert into clinics (clinic_id, source_version, time_zone, catalogue_version) values ($1, $2, $3, 1)
		on conflict (clinic_id) do update set source_version = excluded.source_version, time_zone = excluded.time_zone
		where clinics.source_version < excluded.source_version`, c.ID, c.SourceVersion, c.TimeZone)
	if err != nil {
		return false, fmt.Errorf("store: put a clinic: %w", err)
	}
	return n > 0, nil
}

// PutLocation stores the location, unless a newer one is there, and says whether it did.
func PutLocation(tx *sqldb.Tx, clinicID string, l Location) (bool, error) {
	n, err := tx.Exec(`insert into locations (clinic_id, location_id, source_version, time_zone, is_active) values ($1, $2, $3, $4, $5)
		on conflict (clinic_id, location_id) do update
		set source_version = excluded.source_version, time_zone = excluded.time_zone, is_active = excluded.is_active
		where locations.source_version < excluded.source_version`, clinicID, l.ID, l.SourceVersion, l.TimeZone, l.Active)
	if err != nil {
		return false, fmt.Errorf("store: put a location: %w", err)
	}
	return n > 0, nil
}

// PutResource stores the practitioner, room or equipment with its credentials, unless a newer
// one is there, and says whether it did.
func PutResource(tx *sqldb.Tx, clinicID string, r Resource) (bool, error) {
	n, err := tx.Exec(`insert into resources (clinic_id, resource_id, source_version, kind, location_id, room_id, capabilities, is_active)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (clinic_id, resource_id) do update
		set source_version = excluded.source_version, location_id = excluded.location_id, room_id = excluded.room_id, capabilities = excluded.capabilities, is_active = excluded.is_active
		where resources.source_version < excluded.source_version`,
		clinicID, r.ID, r.SourceVersion, string(r.Kind), r.LocationID, r.RoomID, join(r.Capabilities), !r.Inactive)
	if err != nil {
		return false, fmt.Errorf("store: put a resource: %w", err)
	}
	if n == 0 || r.Kind != schedule.PractitionerResource {
		return n > 0, nil
	}
	if _, err := tx.Exec(`delete from credentials where clinic_id = $1 and practitioner_id = $2`, clinicID, r.ID); err != nil {
		return false, fmt.Errorf("store: replace credentials: %w", err)
	}
	for _, c := range r.Credentials {
		_, err := tx.Exec(`insert into credentials (clinic_id, practitioner_id, kind, expire_date) values ($1, $2, $3, $4)
			on conflict (clinic_id, practitioner_id, kind, expire_date) do nothing`, clinicID, r.ID, c.Kind, c.Expire.String())
		if err != nil {
			return false, fmt.Errorf("store: put a credential: %w", err)
		}
	}
	return true, nil
}

// PutPatient makes a patient known: as a resource, with a gate, and with the record that it
// was merged into, which is itself when it was not. What is known of the merge stays.
func PutPatient(tx *sqldb.Tx, clinicID, patientID, survivingID string) error {
	merged := ""
	if survivingID != patientID {
		merged = survivingID
	}
	_, err := tx.Exec(`insert into patients (clinic_id, patient_id, merged_into, surviving_patient_id) values ($1, $2, $3, $4)
		on conflict (clinic_id, patient_id) do nothing`, clinicID, patientID, merged, survivingID)
	if err != nil {
		return fmt.Errorf("store: put a patient: %w", err)
	}
	_, err = tx.Exec(`insert into resources (clinic_id, resource_id, source_version, kind, location_id, room_id, capabilities, is_active)
		values ($1, $2, 0, 'PATIENT', '', '', '', true) on conflict (clinic_id, resource_id) do nothing`, clinicID, patientID)
	if err != nil {
		return fmt.Errorf("store: put a patient's resource: %w", err)
	}
	_, err = tx.Exec(`insert into patient_gates (clinic_id, patient_id, version, changed_at) values ($1, $2, 0, 0)
		on conflict (clinic_id, patient_id) do nothing`, clinicID, patientID)
	if err != nil {
		return fmt.Errorf("store: put a patient's gate: %w", err)
	}
	return nil
}

// MergePatient points a patient's record to the one that lives on; what had been merged into
// it follows.
func MergePatient(tx *sqldb.Tx, clinicID, patientID, survivingID string) error {
	_, err := tx.Exec(`update patients set merged_into = $3 where clinic_id = $1 and patient_id = $2`, clinicID, patientID, survivingID)
	if err != nil {
		return fmt.Errorf("store: merge a patient: %w", err)
	}
	_, err = tx.Exec(`update patients set surviving_patient_id = $3 where clinic_id = $1 and surviving_patient_id = $2`,
		clinicID, patientID, survivingID)
	if err != nil {
		return fmt.Errorf("store: merge a patient: %w", err)
	}
	return nil
}

// UnmergePatient lets a patient's record stand alone again, with those that had been merged
// into it.
func UnmergePatient(tx *sqldb.Tx, clinicID, patientID string) error {
	_, err := tx.Exec(`update patients set merged_into = '' where clinic_id = $1 and patient_id = $2`, clinicID, patientID)
	if err != nil {
		return fmt.Errorf("store: unmerge a patient: %w", err)
	}
	_, err = tx.Exec(`with recursive back(patient_id) as (
			select patient_id from patients where clinic_id = $1 and patient_id = $2
			union
			select p.patient_id from patients p join back b on p.merged_into = b.patient_id where p.clinic_id = $1
		)
		update patients set surviving_patient_id = $2 where clinic_id = $1 and patient_id in (select patient_id from back)`, clinicID, patientID)
	if err != nil {
		return fmt.Errorf("store: unmerge a patient: %w", err)
	}
	return nil
}

// SurvivingPatient returns the record that a patient's was merged into, itself when it was
// not, and empty when the patient is not known here.
func SurvivingPatient(tx *sqldb.Tx, clinicID, patientID string) (string, error) {
	var id string
	err := tx.QueryRow(`select surviving_patient_id from patients where clinic_id = $1 and patient_id = $2`, clinicID, patientID).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("store: read a patient: %w", err)
	}
	return id, nil
}

// PatientRecords returns every record of one person, the surviving one first.
func PatientRecords(tx *sqldb.Tx, clinicID, survivingID string) (ids []string, err error) {
	rows, err := tx.Query(`select patient_id from patients where clinic_id = $1 and surviving_patient_id = $2
		order by case when patient_id = surviving_patient_id then 0 else 1 end, patient_id`, clinicID, survivingID)
	if err != nil {
		return nil, fmt.Errorf("store: list a patient's records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Gate is what booking has heard of a patient's booking gate.
type Gate struct {
	Version   int64
	ChangedAt time.Time // zero when nothing was heard
	// SurvivingID is the record that the patient's was merged into.
	SurvivingID string
	// CatalogueVersion is the clinic's, read along with it: a booking needs both.
	CatalogueVersion int64
	// Forbidden are the kinds of care that examinations forbid until they are cleared.
	Forbidden []schedule.Discipline
}

// LockGate locks the gate of the person that a patient's record is of and returns what is
// known, nil when the patient is not known here. The lock orders a booking and the handler of
// intake's events.
func LockGate(tx *sqldb.Tx, clinicID, patientID string) (*Gate, error) {
	if tx.ForUpdate() == "" {
		return readGate(tx, gateQuery, clinicID, patientID)
	}
	return readGate(tx, gateQuery+" for update of g", clinicID, patientID)
}

// ReadGate is LockGate without the lock.
func ReadGate(tx *sqldb.Tx, clinicID, patientID string) (*Gate, error) {
	return readGate(tx, gateQuery, clinicID, patientID)
}

const gateQuery = `SELECT g.version, g.changed_at, p.surviving_patient_id, c.catalogue_version, g.forbidden
	from patients p join patient_gates g on g.clinic_id = p.clinic_id and g.patient_id = p.surviving_patient_id
	join clinics c on c.clinic_id = p.clinic_id
	where p.clinic_id = $1 and p.patient_id = $2`

func readGate(tx *sqldb.Tx, query, clinicID, patientID string) (*Gate, error) {
	var g Gate
	var changed int64
	var forbidden string
	err := tx.QueryRow(query, clinicID, patientID).Scan(&g.Version, &changed, &g.SurvivingID, &g.CatalogueVersion, &forbidden)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a gate: %w", err)
	}
	g.ChangedAt, g.Forbidden = fromOptional(changed), splitDisciplines(forbidden)
	return &g, nil
}

// AdvanceGate stores a newer version of the patient's gate and says whether it was newer.
func AdvanceGate(tx *sqldb.Tx, clinicID, patientID string, version int64, at time.Time) (bool, error) {
	n, err := tx.Exec(`update patient_gates set version = $3, changed_at = $4 where clinic_id = $1 and patient_id = $2 and version < $3`,
		clinicID, patientID, version, sqldb.Micros(at))
	if err != nil {
		return false, fmt.Errorf("store: advance a gate: %w", err)
	}
	return n == 1, nil
}

// Plan is what booking has heard of a plan.
type Plan struct {
	ID, PatientID string
	ActivatedAt   time.Time
	Closed        bool
}

// PutPlan stores that a plan came into force.
func PutPlan(tx *sqldb.Tx, clinicID string, p Plan) error {
	_, err := tx.Exec(`insert into plans (clinic_id, plan_id, patient_id, activated_at, is_closed) values ($1, $2, $3, $4, $5)
		on conflict (clinic_id, plan_id) do update set is_closed = plans.is_closed or excluded.is_closed`,
		clinicID, p.ID, p.PatientID, optional(p.ActivatedAt), p.Closed)
	if err != nil {
		return fmt.Errorf("store: put a plan: %w", err)
	}
	return nil
}

// PlanTime is when the plan came into force, zero when booking has not heard of it.
func PlanTime(tx *sqldb.Tx, clinicID, planID string) (time.Time, error) {
	var at int64
	err := tx.QueryRow(`select activated_at from plans where clinic_id = $1 and plan_id = $2 and not is_closed`, clinicID, planID).Scan(&at)
	if errors.Is(err, sqldb.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("store: read a plan: %w", err)
	}
	return fromOptional(at), nil
}

// PlanOpen reports whether a plan is known and has not been closed.
func PlanOpen(tx *sqldb.Tx, clinicID, planID string) (bool, error) {
	var closed bool
	err := tx.QueryRow(`select is_closed from plans where clinic_id = $1 and plan_id = $2`, clinicID, planID).Scan(&closed)
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: read a plan: %w", err)
	}
	return !closed, nil
}
