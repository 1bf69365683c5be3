package app

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// MedicineRule is a rule as a clinic has it.
type MedicineRule struct {
	medication.Rule
	Shipped medication.Mode
	Changes []store.RuleMode // newest first
}

// MedicineProduct is a medicine of the clinic's own.
type MedicineProduct struct {
	medication.Drug
	Source string
	Change store.Product
}

// MedicineRules is what a clinic makes of medicines.
type MedicineRules struct {
	Version  int64
	Rules    []MedicineRule
	Products []MedicineProduct
}

// ListMedicineRules gives the rules as the clinic has them.
func (a *App) ListMedicineRules(ctx context.Context) (MedicineRules, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return MedicineRules{}, err
	}
	var out MedicineRules
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = a.rulesOf(tx, clinicID)
		return err
	})
	return out, err
}

func (a *App) rulesOf(tx *sqldb.Tx, clinicID string) (MedicineRules, error) {
	rules, err := a.medicineRules(tx, clinicID)
	if err != nil {
		return MedicineRules{}, err
	}
	changes, err := store.RuleModes(tx, clinicID)
	if err != nil {
		return MedicineRules{}, err
	}
	out := MedicineRules{Version: rules.Version}
	for _, r := range rules.Rules {
		shipped, _ := a.cfg.Medicines.Rule(r.ID)
		one := MedicineRule{Rule: r, Shipped: shipped.Mode}
		for _, c := range slices.Backward(changes) {
			if c.RuleID == r.ID {
				one.Changes = append(one.Changes, c)
			}
		}
		out.Rules = append(out.Rules, one)
	}
	products, err := store.Products(tx, clinicID)
	if err != nil {
		return MedicineRules{}, err
	}
	for _, p := range products {
		one := MedicineProduct{Change: p}
		if err := json.Unmarshal([]byte(p.Body), &one.Drug); err != nil {
			return MedicineRules{}, err
		}
		if one.Label != nil {
			one.Source = one.Label.Source
		}
		out.Products = append(out.Products, one)
	}
	return out, nil
}

// governs fails with PROFESSION_REQUIRED unless the caller may change the clinic's rules.
func governs(p authn.Principal) error {
	if p.Is(typev1.Role_ROLE_ADMIN) || p.Profession == typev1.Profession_PROFESSION_PHYSICIAN {
		return nil
	}
	return fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", "The clinic's rules are changed by physicians and by clinic admins.")
}

// SetMedicineRuleMode changes what the clinic makes of a rule, with who, when and why. It
// fails with NOT_FOUND for an unknown rule and PROFESSION_REQUIRED.
func (a *App) SetMedicineRuleMode(ctx context.Context, ruleID string, mode medication.Mode, reason string, fingerprint []byte) (MedicineRule, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return MedicineRule{}, err
	}
	if err := governs(p); err != nil {
		return MedicineRule{}, err
	}
	if _, ok := a.cfg.Medicines.Rule(ruleID); !ok {
		return MedicineRule{}, fault.NotFoundf("rule")
	}
	var all MedicineRules
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "MedicationService.SetMedicineRuleMode", fingerprint, ruleID, func() error {
			c := store.RuleMode{ID: ident.New("chg"), RuleID: ruleID, Mode: string(mode), Reason: reason, By: p.Subject, At: tx.Now()}
			if err := store.InsertRuleMode(tx, clinicID, c); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "medicine_rule.mode", Resource: ruleID, Facts: map[string]string{"mode": string(mode)},
			})
		})
		if err != nil {
			return err
		}
		all, err = a.rulesOf(tx, clinicID)
		return err
	})
	if err != nil {
		return MedicineRule{}, err
	}
	i := slices.IndexFunc(all.Rules, func(r MedicineRule) bool { return r.ID == ruleID })
	return all.Rules[i], nil
}

// SetMedicineProduct adds a medicine to the clinic's table, or sets its classes and label.
// It fails with PROFESSION_REQUIRED and INVALID_ARGUMENT for a product with a defect.
func (a *App) SetMedicineProduct(ctx context.Context, d medication.Drug, reason string, fingerprint []byte) (MedicineProduct, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return MedicineProduct{}, err
	}
	if err := governs(p); err != nil {
		return MedicineProduct{}, err
	}
	d.Drug = strings.Join(strings.Fields(d.Drug), " ")
	if err := a.cfg.Medicines.CheckDrug(d); err != nil {
		field, text, _ := strings.Cut(err.Error(), ": ")
		return MedicineProduct{}, fault.Invalid("product."+strings.TrimPrefix(field, "label."), text)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return MedicineProduct{}, err
	}
	var all MedicineRules
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "MedicationService.SetMedicineProduct", fingerprint, d.Drug, func() error {
			c := store.Product{ID: ident.New("chg"), Drug: d.Drug, Body: string(body), Reason: reason, By: p.Subject, At: tx.Now()}
			if err := store.InsertProduct(tx, clinicID, c); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "medicine_product.set", Resource: c.ID})
		})
		if err != nil {
			return err
		}
		all, err = a.rulesOf(tx, clinicID)
		return err
	})
	if err != nil {
		return MedicineProduct{}, err
	}
	i := slices.IndexFunc(all.Products, func(m MedicineProduct) bool { return m.Drug.Drug == d.Drug })
	return all.Products[i], nil
}
