package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Whoever may call a method may, and nobody else (reliability reference 8, test 17).
func TestAccess(t *testing.T) {
	t.Parallel()
	rpctest.AccessMatrix(t, serve(t, sqldb.SQLite).harness)
}

const v1 = "/upright.directory.v1."

// asking are requests that name another's objects, by method.
var asking = map[string]func(th things) []proto.Message{
	v1 + "PatientService/GetPatient": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetPatientRequest{PatientId: th.patient}, &directoryv1.GetPatientRequest{PatientId: th.merged}}
	},
	v1 + "PatientService/UpdatePatient": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdatePatientRequest{
			Patient: &directoryv1.Patient{PatientId: th.patient, Phone: "0700 123456", Etag: "1"}, UpdateMask: mask("phone"),
		}}
	},
	v1 + "PatientService/SearchPatients": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.SearchPatientsRequest{Query: "anna"}, &directoryv1.SearchPatientsRequest{Query: th.patient}}
	},
	v1 + "PatientService/BatchGetPatients": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.BatchGetPatientsRequest{PatientIds: []string{th.patient, th.merged}}}
	},
	v1 + "PatientService/VerifyPatient": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.VerifyPatientRequest{PatientId: th.patient, FamilyName: "Müller", BirthDate: "1980-03-07"}}
	},
	v1 + "ImportService/ListExternalRecords": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListExternalRecordsRequest{Source: "OTHER", Kind: "PATIENT", ExternalIds: []string{th.patient}}}
	},
	v1 + "PatientService/MergePatients": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.MergePatientsRequest{PatientId: th.patient, SurvivingPatientId: th.merged}}
	},
	v1 + "PatientService/UnmergePatients": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UnmergePatientsRequest{PatientId: th.merged}}
	},
	v1 + "PractitionerService/GetPractitioner": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetPractitionerRequest{PractitionerId: th.practitioner}}
	},
	v1 + "PractitionerService/ListPractitioners": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListPractitionersRequest{PageToken: th.practitioner}}
	},
	v1 + "PractitionerService/UpdatePractitioner": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdatePractitionerRequest{
			Practitioner: &directoryv1.Practitioner{PractitionerId: th.practitioner, GivenName: "X"}, UpdateMask: mask("given_name"),
		}}
	},
	v1 + "PlaceService/GetClinic": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetClinicRequest{ClinicId: th.clinic}}
	},
	v1 + "PlaceService/UpdateClinic": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdateClinicRequest{
			Clinic: &directoryv1.Clinic{ClinicId: th.clinic, PublicName: "X"}, UpdateMask: mask("public_name"),
		}}
	},
	v1 + "PlaceService/GetLocation": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetLocationRequest{LocationId: th.location}}
	},
	v1 + "PlaceService/ListLocations": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListLocationsRequest{PageToken: th.location}}
	},
	v1 + "PlaceService/UpdateLocation": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdateLocationRequest{Location: &directoryv1.Location{LocationId: th.location, DisplayName: "X"}, UpdateMask: mask("display_name")}}
	},
	v1 + "PlaceService/CreateRoom": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.CreateRoomRequest{Room: &directoryv1.Room{LocationId: th.location, DisplayName: "X"}}}
	},
	v1 + "PlaceService/GetRoom": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetRoomRequest{RoomId: th.room}}
	},
	v1 + "PlaceService/ListRooms": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListRoomsRequest{LocationId: th.location}}
	},
	v1 + "PlaceService/UpdateRoom": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdateRoomRequest{Room: &directoryv1.Room{RoomId: th.room, DisplayName: "X"}, UpdateMask: mask("display_name")}}
	},
	v1 + "PlaceService/CreateEquipment": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.CreateEquipmentRequest{Equipment: &directoryv1.Equipment{LocationId: th.location, RoomId: th.room, DisplayName: "X"}}}
	},
	v1 + "PlaceService/GetEquipment": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetEquipmentRequest{EquipmentId: th.equipment}}
	},
	v1 + "PlaceService/ListEquipment": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListEquipmentRequest{LocationId: th.location}}
	},
	v1 + "PlaceService/UpdateEquipment": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdateEquipmentRequest{Equipment: &directoryv1.Equipment{EquipmentId: th.equipment, DisplayName: "X"}, UpdateMask: mask("display_name")}}
	},
	v1 + "AccountService/ListSessions": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListSessionsRequest{AccountId: th.staff}}
	},
	v1 + "AccountService/RevokeSession": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.RevokeSessionRequest{SessionId: th.session}}
	},
	v1 + "AccountService/CreateAccount": func(th things) []proto.Message {
		return []proto.Message{
			&directoryv1.CreateAccountRequest{Password: staffPassword, Account: &directoryv1.Account{Email: "x@x.org", Roles: []string{"CLINICIAN"}, PractitionerId: th.practitioner}},
			&directoryv1.CreateAccountRequest{Password: staffPassword, Account: &directoryv1.Account{Email: "x@x.org", Roles: []string{"PATIENT"}, PatientId: th.patient}},
		}
	},
	v1 + "AccountService/GetAccount": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GetAccountRequest{AccountId: th.staff}}
	},
	v1 + "AccountService/ListAccounts": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListAccountsRequest{PageToken: th.staff}}
	},
	v1 + "AccountService/UpdateAccount": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.UpdateAccountRequest{Account: &directoryv1.Account{AccountId: th.staff, DisplayName: "X"}, UpdateMask: mask("display_name")}}
	},
	v1 + "AccountService/SetPassword": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.SetPasswordRequest{AccountId: th.staff, Password: staffPassword}}
	},
	v1 + "AccountService/GrantProxy": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.GrantProxyRequest{AccountId: th.patientAccount, PatientId: th.patient, Relation: "GUARDIAN"}}
	},
	v1 + "AccountService/RevokeProxy": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.RevokeProxyRequest{AccountId: th.patientAccount, PatientId: th.patient}}
	},
	v1 + "AccountService/ListProxies": func(th things) []proto.Message {
		return []proto.Message{&directoryv1.ListProxiesRequest{PatientId: th.patient}, &directoryv1.ListProxiesRequest{AccountId: th.patientAccount}}
	},
}

// namesNobody are the methods whose requests name no object of a clinic, with the reason.
var namesNobody = map[string]string{
	v1 + "PatientService/CreatePatient":           "makes a new record",
	v1 + "PatientService/RegisterPatient":         "public, makes a new record",
	v1 + "ImportService/ImportPatients":           "makes new records",
	v1 + "ImportService/ImportPractitioners":      "makes new records",
	v1 + "PractitionerService/CreatePractitioner": "makes a new record",
	v1 + "PlaceService/CreateClinic":              "makes a new clinic",
	v1 + "PlaceService/ListClinics":               "for services, which see every clinic",
	v1 + "PlaceService/GetClinicBySlug":           "public",
	v1 + "PlaceService/CreateLocation":            "makes a new record",
	v1 + "AccountService/SignIn":                  "public",
	v1 + "AccountService/SignOut":                 "the caller's session",
	v1 + "AccountService/GetMe":                   "the caller's account",
	v1 + "AccountService/ChangePassword":          "the caller's account",
	v1 + "AccountService/ResolveSession":          "for services, by a secret token",
}

// Everybody who may call a method finds nothing of another clinic through it, and patients
// nothing of another patient: whatever they name, the answer is the same as for something
// that does not exist, and nothing changes (reliability reference 8, test 18).
func TestOthersAreNotThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		theirs := w.furnish("theirs")
		mine := w.furnish("mine")
		missing := things{
			clinic: "cln_0", location: "loc_0", room: "room_0", equipment: "eqp_0", practitioner: "prac_0", patient: "pat_0", merged: "pat_00",
			staff: "acc_0", patientAccount: "acc_00", session: "ses_0",
		}
		before := w.tables()
		for _, method := range w.harness.Server.Methods() {
			if !strings.HasPrefix(method, v1) || namesNobody[method] != "" {
				continue
			}
			requests := asking[method]
			if requests == nil {
				t.Errorf("%s has no requests that name another's objects", method)
				continue
			}
			for name, ctx := range w.outsiders(method, mine, theirs) {
				for i, request := range requests(theirs) {
					foreign, none := w.outcome(ctx, method, request), w.outcome(ctx, method, requests(missing)[i])
					if diff := cmp.Diff(none, foreign, protocmp.Transform(), cmpopts.IgnoreUnexported(fault.Error{})); diff != "" {
						t.Errorf("%s by %s, request %d (-missing +foreign):\n%s", method, name, i, diff)
					}
				}
			}
		}
		after := w.tables()
		slices.Sort(before)
		slices.Sort(after)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("something changed (-before +after):\n%s", diff)
		}
	})
}

// outsiders are the callers that a method's rule admits and that have nothing to do with
// theirs: each role at another clinic, patients also at the same one, and each service acting
// for such a patient.
func (w *world) outsiders(method string, mine, theirs things) map[string]context.Context {
	w.t.Helper()
	rule := ruleOf(w.t, method)
	ctxs := map[string]context.Context{}
	for _, role := range rule.GetRoles() {
		ctxs[role.String()] = w.as(mine.clinic, role)
		if role == typev1.Role_ROLE_PATIENT && strings.Contains(method, "Patient") {
			ctxs["another patient"] = w.as(theirs.clinic, role)
		}
	}
	for _, service := range rule.GetServices() {
		if service == rpctest.Edge {
			continue // what a person asks through it is the person's own call
		}
		p := rpctest.Person(mine.clinic, typev1.Role_ROLE_PATIENT)
		p.Service = service
		ctxs[service+" for a patient"] = authn.With(w.t.Context(), p)
		if !strings.HasSuffix(method, "GetClinic") { // services read any clinic's settings
			ctxs[service] = authn.WithService(w.t.Context(), service, mine.clinic)
		}
	}
	return ctxs
}

// answer is what a caller can tell calls apart by.
type answer struct {
	Error    *fault.Error
	Response proto.Message
}

func (w *world) outcome(ctx context.Context, method string, request proto.Message) answer {
	w.t.Helper()
	md := describe(w.t, method)
	mt, err := protoregistry.GlobalTypes.FindMessageByName(md.Output().FullName())
	if err != nil {
		w.t.Fatal(err)
	}
	response := mt.New().Interface()
	if err := w.harness.Conn().Invoke(ctx, method, request, response, []grpc.CallOption{}...); err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind == fault.Internal || f.Kind == fault.Unauthenticated || f.Reason == "ACCESS_DENIED" {
			w.t.Errorf("%s: %v", method, err)
		}
		return answer{Error: &fault.Error{Kind: f.Kind, Reason: f.Reason, Message: f.Message, Facts: f.Facts, Fields: f.Fields}}
	}
	return answer{Response: response}
}

func describe(t *testing.T, method string) protoreflect.MethodDescriptor {
	t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.MethodDescriptor)
}

func ruleOf(t *testing.T, method string) *typev1.Access {
	t.Helper()
	return proto.GetExtension(describe(t, method).Options(), typev1.E_Access).(*typev1.Access)
}
