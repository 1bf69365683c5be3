package page

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// medicineRuleRoutes are the pages of what the clinic makes of rules about medicines.
func (s *Site) medicineRuleRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/medicine-rules", governing, s.medicineRules),
		s.row("POST /staff/medicine-rules/{rule_id}/mode", governing, s.medicineRuleMode),
		s.row("GET /staff/medicine-products/new", governing, s.medicineProductForm),
		s.row("POST /staff/medicine-products/new", governing, s.medicineProductSet),
	}
}

// medicineRulesPage are the rules and the clinic's own products.
type medicineRulesPage struct {
	Version  int64
	Rules    []medicineRuleCard
	Products []*plansv1.MedicineProduct
	// Decides is true for those who may change them: physicians and administrators.
	Decides bool
	Modes   []string
}

// medicineRuleCard is a rule with the times of its changes at the clinic.
type medicineRuleCard struct {
	*plansv1.MedicineRule
	Changed []changed
}

// changed is one change of a rule.
type changed struct{ Mode, Reason, When string }

// medicineModes are what a clinic can make of a rule.
var medicineModes = []string{"enforce", "advise", "off"}

// decidesMedicines reports whether the person may change rules and products.
func (c *call) decidesMedicines() bool { return c.physician() || c.is(typev1.Role_ROLE_ADMIN) }

// whenHere says a time at the clinic.
func (c *call) whenHere() (func(t *timestamppb.Timestamp) string, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	zone := clinic.GetTimeZone()
	return func(t *timestamppb.Timestamp) string {
		if t == nil {
			return ""
		}
		return c.cat.When(t.AsTime().In(c.zone(zone)).Format("2006-01-02T15:04"), zone)
	}, nil
}

// medicineRules shows them.
func (s *Site) medicineRules(c *call) error {
	got, err := s.clients.medications.ListMedicineRules(c.ctx(), &plansv1.ListMedicineRulesRequest{})
	if err != nil {
		return err
	}
	when, err := c.whenHere()
	if err != nil {
		return err
	}
	d := medicineRulesPage{Version: got.GetVersion(), Products: got.GetProducts(), Decides: c.decidesMedicines(), Modes: medicineModes}
	for _, r := range got.GetRules() {
		card := medicineRuleCard{MedicineRule: r}
		for _, change := range r.GetChanges() {
			card.Changed = append(card.Changed, changed{change.GetMode(), change.GetReason(), when(change.GetChangeTime())})
		}
		d.Rules = append(d.Rules, card)
	}
	v := c.view(c.cat.T("medicine_rule.title"), d)
	v.Wide = true
	return c.show("medicine_rules", v)
}

// medicineRuleMode changes what the clinic makes of a rule; the reason is needed.
func (s *Site) medicineRuleMode(c *call) error {
	const back = "/staff/medicine-rules"
	if c.form("reason") == "" {
		return c.redirect(withParam(back, "problem", "REASON_NEEDED"))
	}
	return c.act(back, "medicine_rule", func() error {
		_, err := s.clients.medications.SetMedicineRuleMode(c.ctx(), &plansv1.SetMedicineRuleModeRequest{
			RequestId: c.requestID(), RuleId: c.path("rule_id"), Mode: c.form("mode"), Reason: c.form("reason"),
		})
		return err
	})
}

// medicineClasses are the classes that a product can have.
var medicineClasses = []string{"NSAID", "ACETAMINOPHEN", "MUSCLE_RELAXANT", "OPIOID", "ORAL_STEROID", "ANTICOAGULANT", "ANTIPLATELET", "SSRI"}

// medicineProductView shows the form of a product; of one that is known, filled in.
func (c *call) medicineProductView(w *wrongs) error {
	product := &plansv1.MedicineProduct{}
	if w == nil && c.query("drug") != "" {
		got, err := c.clients.medications.ListMedicineRules(c.ctx(), &plansv1.ListMedicineRulesRequest{})
		if err != nil {
			return err
		}
		for _, p := range got.GetProducts() {
			if p.GetDrug() == c.query("drug") {
				product = p
			}
		}
	}
	number := func(name string, value float64) Field {
		f := c.input(w, "text", name, "product."+name)
		f.InputMode, f.Short, f.Optional = "decimal", true, true
		if w == nil && value > 0 {
			f.Value = decimal(value)
		}
		return f
	}
	drug, source := c.input(w, "text", "drug", "product.drug"), c.input(w, "text", "source", "product.source")
	classes := c.choices(w, "checks", "classes", "product.classes", "medicine_class", "", medicineClasses...)
	classes.Optional = true
	if w == nil {
		drug.Value, source.Value, classes.Values = product.GetDrug(), product.GetSource(), product.GetClasses()
	}
	v := c.view(c.cat.T("product.title"), formPage{Action: c.r.URL.Path, Button: c.cat.T("product.button"), Notes: []string{c.cat.T("product.text")}, Fields: []Field{
		drug, classes, number("max_single_mg", product.GetMaxSingleMg()), number("max_day_mg", product.GetMaxDayMg()),
		number("max_days", float64(product.GetMaxDays())), number("min_interval_hours", float64(product.GetMinIntervalHours())),
		source, c.input(w, "textarea", "reason", "product.reason"),
	}})
	v.Back = "/staff/medicine-rules"
	if w == nil {
		return c.show("care_form", v)
	}
	return c.again("care_form", v, w)
}

// medicineProductForm shows the form.
func (s *Site) medicineProductForm(c *call) error { return c.medicineProductView(nil) }

// medicineProductSet adds a medicine to the clinic's table, or sets its classes and label.
func (s *Site) medicineProductSet(c *call) error {
	w := c.wrongs()
	w.need("drug", c.form("drug"), "product.need_drug")
	w.need("source", c.form("source"), "product.need_source")
	w.need("reason", c.form("reason"), "product.need_reason")
	whole := func(name string, most int64) int32 {
		if c.form(name) == "" {
			return 0
		}
		n, err := strconv.ParseInt(c.form(name), 10, 32)
		if err != nil || n < 0 || n > most {
			w.field(name, c.cat.T("product.need_number", "max", most))
		}
		return int32(n) //nolint:gosec // parsed as 32 bits
	}
	p := &plansv1.MedicineProduct{
		Drug: strings.ToLower(c.form("drug")), Classes: c.forms("classes"), MaxSingleMg: c.milligrams(w, "max_single_mg"), MaxDayMg: c.milligrams(w, "max_day_mg"),
		MaxDays: whole("max_days", 365), MinIntervalHours: whole("min_interval_hours", 168), Source: c.form("source"),
	}
	if w.any() {
		return c.medicineProductView(w)
	}
	_, err := s.clients.medications.SetMedicineProduct(c.ctx(), &plansv1.SetMedicineProductRequest{RequestId: c.requestID(), Product: p, Reason: c.form("reason")})
	if err != nil {
		return c.formOr(err, w, nil, c.medicineProductView)
	}
	return c.redirect(address("/staff/medicine-rules", "done", "product") + "#products")
}
