package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/models"
)

func checkArgs(args []string) bool {
	return len(args) == 0 || len(args) == 1 && (args[0] == "--json" || args[0] == "-json")
}

// check tests the connection as the start would, and then looks at what else the
// service needs. Its status is 1 if something is missing.
func (p *program) check(ctx context.Context, args []string) error {
	report := p.reportText
	if len(args) > 0 {
		report = p.reportJSON
	}
	err := p.testConnection(ctx)
	if _, invalid := errors.AsType[settingsError](err); invalid {
		return err
	}
	if err != nil {
		return report([]db.Finding{{Name: connection, Status: db.Fail, Detail: err.Error(), Advice: "see to it that the database answers, and check again"}})
	}
	findings := []db.Finding{{Name: connection, Status: db.Sound, Detail: "Database connection successful"}}
	findings = append(findings, db.Examine(ctx, p.cfg.DB, db.Surroundings{
		Instances: p.cfg.Instances, Strict: p.cfg.Environment == config.Production, Migrates: p.cfg.AutoMigrate,
		Models: models.All(),
	})...)
	return report(append(findings, p.checkDescriptors(), p.checkOrder(), p.checkKeepAlive(), p.checkAccess()))
}

// connection is the name of the first finding.
const connection = "connection"

var marks = map[db.Verdict]string{db.Sound: "✓", db.Warn: "!", db.Fail: "✗"}

// reportText writes a line for each finding: what is, and what to do.
func (p *program) reportText(findings []db.Finding) error {
	for _, f := range findings {
		line := strings.ReplaceAll(f.Name, "_", " ") + ": " + f.Detail
		switch {
		case f.Name == connection && f.Status == db.Sound:
			line = f.Detail
		case f.Name == connection:
			line = "Database connection failed: " + f.Detail
		case f.Advice != "":
			line += "; to do: " + f.Advice
		}
		fmt.Fprintln(p.stdout, marks[f.Status], line)
	}
	return verdict(findings)
}

func (p *program) reportJSON(findings []db.Finding) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return errors.Join(encoder.Encode(findings), verdict(findings))
}

func verdict(findings []db.Finding) error {
	for _, f := range findings {
		if f.Status == db.Fail {
			return errSilent
		}
	}
	return nil
}

// checkOrder compares the time-outs of the settings: where an inner one is longer
// than an outer one, the outer one cuts the work off, and nothing answers for it.
func (p *program) checkOrder() db.Finding {
	request := p.cfg.API.RequestTimeout
	var faults []string
	for _, pair := range []struct {
		inner         string
		shorter, than time.Duration
		outer         string
	}{
		{"DB_POOL_TIMEOUT", p.cfg.DB.PoolTimeout, request, "REQUEST_TIMEOUT"},
		{"DB_STATEMENT_TIMEOUT", p.cfg.DB.StatementTimeout, request, "REQUEST_TIMEOUT"},
		{"DB_CONNECT_TIMEOUT", p.cfg.DB.ConnectTimeout, p.cfg.DB.PoolTimeout, "DB_POOL_TIMEOUT"},
	} {
		if pair.shorter > pair.than {
			faults = append(faults, fmt.Sprintf("%s (%v) is longer than %s (%v)", pair.inner, pair.shorter, pair.outer, pair.than))
		}
	}
	if len(faults) > 0 {
		return db.Finding{Name: "timeout_order", Status: db.Warn, Detail: strings.Join(faults, "; "), Advice: "make the first ones shorter, or the others longer"}
	}
	return db.Finding{Name: "timeout_order", Status: db.Sound, Detail: fmt.Sprintf("those of the database are within REQUEST_TIMEOUT (%v)", request)}
}

// usualKeepAlive is for how long common load balancers keep an idle connection.
const usualKeepAlive = 60 * time.Second

// checkKeepAlive can not know what stands in front of the service.
func (p *program) checkKeepAlive() db.Finding {
	limit := p.cfg.KeepAliveTimeout
	if limit <= usualKeepAlive {
		return db.Finding{
			Name: "keep_alive", Status: db.Warn,
			Detail: fmt.Sprintf("KEEP_ALIVE_TIMEOUT (%v) is not above what load balancers usually have (%v): they may send on a connection that has just closed", limit, usualKeepAlive),
			Advice: "make it longer than the load balancer's",
		}
	}
	return db.Finding{
		Name: "keep_alive", Status: db.Sound,
		Detail: fmt.Sprintf("KEEP_ALIVE_TIMEOUT (%v) is above what load balancers usually have (%v; Google Cloud's has 10m0s)", limit, usualKeepAlive),
	}
}

// checkAccess says what the start would warn of.
func (p *program) checkAccess() db.Finding {
	switch keys := len(p.cfg.API.APIKeys); {
	case keys > 0:
		return db.Finding{Name: "access", Status: db.Sound, Detail: "API_KEYS is set"}
	case p.cfg.Environment == config.Production:
		return db.Finding{Name: "access", Status: db.Warn, Detail: "API_KEYS is not set: everybody may call this service", Advice: "set API_KEYS, unless something before the service keeps others out"}
	default:
		return db.Finding{Name: "access", Status: db.Sound, Detail: "open to everybody, as API_KEYS is not set; in production that is a warning"}
	}
}
