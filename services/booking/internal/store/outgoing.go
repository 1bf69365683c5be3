package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Message is something that a patient is to be told.
type Message struct {
	ClinicID, ID, EventID    string
	Kind                     MessageKind
	State                    MessageState
	PatientID, AppointmentID string
	OfferID                  string
	ReadyAt, CreatedAt       time.Time
}

// MessageKind is what a message tells of.
type MessageKind string

// The kinds.
const (
	TellBooked    MessageKind = "APPOINTMENT_BOOKED"
	TellMoved     MessageKind = "APPOINTMENT_MOVED"
	TellCancelled MessageKind = "APPOINTMENT_CANCELLED"
	TellOffer     MessageKind = "WAITLIST_OFFER"
)

// MessageState is where a message stands.
type MessageState string

// The states.
const (
	MessageWaiting MessageState = "WAITING"
	MessageReady   MessageState = "READY"
	MessageDropped MessageState = "DROPPED"
)

const messageColumns = `clinic_id, message_id, event_id, kind, state, patient_id, appointment_id, offer_id, ready_at, created_at`

// InsertMessage adds the row; an event that has made one already makes none.
func InsertMessage(tx *sqldb.Tx, m Message) error {
	_, err := tx.Exec(`insert into outgoing_messages (`+messageColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing`,
		m.ClinicID, m.ID, m.EventID, string(m.Kind), string(m.State), m.PatientID, m.AppointmentID, m.OfferID, sqldb.Micros(m.ReadyAt), sqldb.Micros(m.CreatedAt))
	if err != nil {
		return fmt.Errorf("store: insert a message: %w", err)
	}
	return nil
}

// DropWaiting drops an appointment's messages that still wait, and returns their kinds.
func DropWaiting(tx *sqldb.Tx, clinicID, appointmentID string) (kinds []MessageKind, err error) {
	rows, err := tx.Query(`update outgoing_messages set state = 'DROPPED' where clinic_id = $1 and appointment_id = $2 and state = 'WAITING'
		returning kind`, clinicID, appointmentID)
	if err != nil {
		return nil, fmt.Errorf("store: drop messages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			return nil, err
		}
		kinds = append(kinds, MessageKind(kind))
	}
	return kinds, rows.Err()
}

// DropOffer drops an offer's message.
func DropOffer(tx *sqldb.Tx, clinicID, offerID string) error {
	_, err := tx.Exec(`update outgoing_messages set state = 'DROPPED' where clinic_id = $1 and offer_id = $2 and kind = 'WAITLIST_OFFER'`, clinicID, offerID)
	if err != nil {
		return fmt.Errorf("store: drop a message: %w", err)
	}
	return nil
}

// ReleaseMessages makes messages ready whose time has come. One of a cancel that has been undone
// is dropped instead, whether or not the undo has been heard of.
func ReleaseMessages(tx *sqldb.Tx, now time.Time) error {
	_, err := tx.Exec(`update outgoing_messages set state = case
			when kind <> 'APPOINTMENT_CANCELLED' or exists (select 1 from appointments a where a.clinic_id = outgoing_messages.clinic_id
				and a.appointment_id = outgoing_messages.appointment_id and a.state = 'CANCELLED') then 'READY'
			else 'DROPPED' end
		where state = 'WAITING' and ready_at <= $1`, sqldb.Micros(now))
	if err != nil {
		return fmt.Errorf("store: release messages: %w", err)
	}
	return nil
}

// ListMessages returns a clinic's messages, the newest first; empty filters are any.
func ListMessages(tx *sqldb.Tx, clinicID, patientID, appointmentID string, state MessageState, limit int) (list []Message, err error) {
	rows, err := tx.Query(`select `+messageColumns+` from outgoing_messages where clinic_id = $1 and ($2 = '' or patient_id = $2)
		and ($3 = '' or appointment_id = $3) and ($4 = '' or state = $4) order by created_at desc, message_id desc limit $5`,
		clinicID, patientID, appointmentID, string(state), limit)
	if err != nil {
		return nil, fmt.Errorf("store: list messages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m Message
		var kind, state string
		var ready, created int64
		err := rows.Scan(&m.ClinicID, &m.ID, &m.EventID, &kind, &state, &m.PatientID, &m.AppointmentID, &m.OfferID, &ready, &created)
		if err != nil {
			return nil, fmt.Errorf("store: read a message: %w", err)
		}
		m.Kind, m.State, m.ReadyAt, m.CreatedAt = MessageKind(kind), MessageState(state), sqldb.Time(ready), sqldb.Time(created)
		list = append(list, m)
	}
	return list, rows.Err()
}

// OutgoingCursor is how far the own log was read for messages; false before the first time.
func OutgoingCursor(tx *sqldb.Tx) (pubSeq int64, ok bool, err error) {
	err = tx.QueryRow(`select pub_seq from outgoing_cursor where name = 'messages'`).Scan(&pubSeq)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, false, nil
	}
	return pubSeq, err == nil, err
}

// SetOutgoingCursor moves it on, never back.
func SetOutgoingCursor(tx *sqldb.Tx, pubSeq int64) error {
	_, err := tx.Exec(`insert into outgoing_cursor (name, pub_seq) values ('messages', $1)
		on conflict (name) do update set pub_seq = excluded.pub_seq where outgoing_cursor.pub_seq < excluded.pub_seq`, pubSeq)
	if err != nil {
		return fmt.Errorf("store: move the cursor of messages: %w", err)
	}
	return nil
}

// MessagesDue reports whether a message waits whose time has come.
func MessagesDue(tx *sqldb.Tx, now time.Time) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from outgoing_messages where state = 'WAITING' and ready_at <= $1`, sqldb.Micros(now)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("store: look for messages: %w", err)
	}
	return n > 0, nil
}
