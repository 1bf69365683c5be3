package importfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// names are the header's names for each column, in lower case with spaces as underscores.
var names = map[Kind]map[string][]string{
	Patients: {
		"external_id": {"external_id", "id", "patient_id", "number", "reference"}, "given_name": {"given_name", "first_name", "forename"},
		"family_name": {"family_name", "last_name", "surname"}, "birth_date": {"birth_date", "date_of_birth", "dob", "birthdate"},
		"phone": {"phone", "mobile", "phone_number", "mobile_phone"}, "email": {"email", "email_address"},
		"preferred_name": {"preferred_name"}, "sex": {"sex", "gender", "administrative_sex"},
		"address": {"address", "address_1", "street"}, "city": {"city", "town"}, "postal_code": {"postal_code", "post_code", "postcode", "zip"},
		"external_number": {"external_number", "old_reference_id"},
	},
	Practitioners: {
		"external_id": {"external_id", "id", "practitioner_id"}, "title": {"title"}, "given_name": {"given_name", "first_name"},
		"family_name": {"family_name", "last_name", "surname"}, "profession": {"profession", "designation"},
	},
	Appointments: {
		"external_id": {"external_id", "id", "appointment_id"}, "patient": {"patient", "patient_id", "patient_external_id"},
		"practitioner": {"practitioner", "practitioner_id", "practitioner_external_id"}, "type": {"type", "appointment_type"},
		"start": {"start", "starts_at", "start_time"}, "minutes": {"minutes", "duration", "duration_minutes"}, "mode": {"mode"},
		"cancelled": {"cancelled_at", "cancelled", "deleted_at"},
	},
}

// needed are the columns without which a file makes no sense.
var needed = map[Kind][]string{
	Patients: {"external_id", "given_name", "family_name", "birth_date"}, Practitioners: {"external_id", "family_name", "profession"},
	Appointments: {"external_id", "patient", "practitioner", "type", "start"},
}

// ReadCSV reads a CSV file with a header. It fails for a file that cannot be read to its end,
// such as one with a quote that is not closed: then nothing of it is taken over.
func ReadCSV(name string, kind Kind, data []byte, o Options) (*File, error) {
	text, err := o.decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	r.Comma = separator(text)
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: no header line: %w", name, clean(err))
	}
	columns, file := place(kind, header)
	for _, column := range needed[kind] {
		if _, ok := columns[column]; !ok {
			return nil, fmt.Errorf("%s: no column for %s: name it one of %s", name, column, strings.Join(names[kind][column], ", "))
		}
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, clean(err))
		}
		line, _ := r.FieldPos(0)
		row := Row{File: name, Kind: kind, Number: int32(line)} //nolint:gosec // files are shorter than that
		row.read(o, len(header), record, columns)
		file.Rows = append(file.Rows, row)
	}
}

// clean is an error of the CSV reader without what the line says.
func clean(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("line %d: %w", parse.Line, parse.Err)
	}
	return err
}

// decode makes UTF-8 of a file. UTF-16 shows itself by its first bytes; anything else that is
// not UTF-8 must be named.
func (o Options) decode(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
	case o.Encoding == "windows-1252":
		return charmap.Windows1252.NewDecoder().Bytes(data)
	case !utf8.Valid(data):
		return nil, errors.New("this is not UTF-8: say which encoding it is")
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// separator is what stands between the columns of the header.
func separator(text []byte) rune {
	header, _, _ := bytes.Cut(text, []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if bytes.Count(header, []byte(string(c))) > bytes.Count(header, []byte(string(best))) {
			best = c
		}
	}
	return best
}

// place finds the columns.
func place(kind Kind, header []string) (columns map[string]int, file *File) {
	columns, file = map[string]int{}, &File{}
	for i, name := range header {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
		found := ""
		for column, known := range names[kind] {
			if _, had := columns[column]; !had && slices.Contains(known, key) {
				found = column
			}
		}
		if found == "" {
			file.Unused = append(file.Unused, name)
			continue
		}
		columns[found] = i
	}
	return columns, file
}

// read understands one record.
func (r *Row) read(o Options, width int, record []string, columns map[string]int) {
	get := func(column string) string {
		if i, ok := columns[column]; ok && i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	r.ExternalID = get("external_id")
	switch {
	case len(record) != width:
		r.wrong("WRONG_NUMBER_OF_COLUMNS", "", fmt.Sprintf("The row has %d columns, the header %d.", len(record), width))
	case r.ExternalID == "" || len(r.ExternalID) > 128:
		r.wrong("NO_EXTERNAL_ID", "external_id", "The row has no id of at most 128 letters.")
	}
	switch r.Kind {
	case Patients:
		r.readPatient(o, get)
	case Practitioners:
		code, gives := r.profession("profession", get("profession"))
		r.practitioner = &directoryv1.Practitioner{
			Title: get("title"), GivenName: get("given_name"), FamilyName: get("family_name"), Profession: code, Disciplines: gives,
		}
	case Appointments:
		r.readAppointment(o, get)
	}
}

func (r *Row) readPatient(o Options, get func(string) string) {
	r.patient = &directoryv1.Patient{
		GivenName: get("given_name"), FamilyName: get("family_name"), PreferredName: get("preferred_name"), Phone: get("phone"), Email: get("email"),
		ExternalNumber: get("external_number"), Address: &directoryv1.PostalAddress{City: get("city"), PostalCode: get("postal_code")},
	}
	if street := get("address"); street != "" {
		r.patient.Address.Lines = []string{street}
	}
	r.birthDate(o, get("birth_date"))
	sex, known := sexes[strings.ToLower(get("sex"))]
	if !known {
		r.wrong("UNKNOWN_CODE", "sex", "Write female, male, other, unknown or nothing.")
	}
	r.patient.AdministrativeSex = sex
}

// birthDate reads a date of birth.
func (r *Row) birthDate(o Options, text string) {
	if text == "" {
		r.wrong("MISSING", "birth_date", "The row has no date of birth.")
		return
	}
	d, wrong := o.parseDate(text)
	if wrong != nil {
		r.wrong(wrong.Reason, "birth_date", wrong.Detail)
		return
	}
	r.patient.BirthDate = d.String()
}

// modes are the codes of what people write, in lower case.
var modes = map[string]string{"": "", "in person": "IN_PERSON", "in_person": "IN_PERSON", "online": "ONLINE", "video": "ONLINE", "telephone": "TELEPHONE", "phone": "TELEPHONE"}

func (r *Row) readAppointment(o Options, get func(string) string) {
	a := &appointment{Type: get("type"), Patient: get("patient"), Practitioner: get("practitioner")}
	r.appointment = a
	if c := strings.ToLower(get("cancelled")); c != "" && c != "false" && c != "no" && c != "0" {
		r.wrong("CANCELLED_THERE", "cancelled", "It was cancelled in the other system.")
	}
	start, wrong := o.parseTime(get("start"))
	if wrong != nil {
		r.wrong(wrong.Reason, "start", wrong.Detail)
	}
	a.Start = start
	if text := get("minutes"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 5 || n > 480 {
			r.wrong("BAD_LENGTH", "minutes", "Give the length as minutes from 5 to 480.")
		} else {
			a.Minutes = int32(n) //nolint:gosec // bounded above
		}
	}
	mode, known := modes[strings.ToLower(get("mode"))]
	if !known {
		r.wrong("UNKNOWN_CODE", "mode", "Write in person, online, telephone or nothing.")
	}
	a.Mode = mode
}
