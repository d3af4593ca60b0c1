package config

import "slices"

// pgVariables are libpq's variables and the parameters that they stand for.
// https://www.postgresql.org/docs/current/libpq-envars.html
var pgVariables = []struct{ variable, param string }{
	{"PGHOST", "host"},
	{"PGPORT", "port"},
	{"PGDATABASE", "database"},
	{"PGUSER", "user"},
	{"PGPASSWORD", "password"},
	{"PGPASSFILE", "passfile"},
	{"PGAPPNAME", "application_name"},
	{"PGOPTIONS", "options"},
	{"PGTZ", "timezone"},
	{"PGDATESTYLE", "datestyle"},
	{"PGGEQO", "geqo"},
	{"PGCLIENTENCODING", "client_encoding"},
	{"PGCONNECT_TIMEOUT", "connect_timeout"},
	{"PGTARGETSESSIONATTRS", "target_session_attrs"},
	{"PGSSLMODE", "sslmode"},
	{"PGSSLNEGOTIATION", "sslnegotiation"},
	{"PGSSLCERT", "sslcert"},
	{"PGSSLCERTMODE", "sslcertmode"},
	{"PGSSLKEY", "sslkey"},
	{"PGSSLPASSWORD", "sslpassword"},
	{"PGSSLROOTCERT", "sslrootcert"},
	{"PGSSLSNI", "sslsni"},
	{"PGKRBSRVNAME", "krbsrvname"},
	{"PGCHANNELBINDING", "channel_binding"},
	{"PGREQUIREAUTH", "require_auth"},
	{"PGMINPROTOCOLVERSION", "min_protocol_version"},
	{"PGMAXPROTOCOLVERSION", "max_protocol_version"},

	// Refused, since they would be ignored where they ask for something, or point at what DATABASE_URL does not say.
	{"PGSERVICE", "service"},
	{"PGHOSTADDR", "hostaddr"},
	{"PGREQUIREPEER", "requirepeer"},
	{"PGREQUIRESSL", "requiressl"},
	{"PGSSLCRL", "sslcrl"},
	{"PGSSLCRLDIR", "sslcrldir"},
	{"PGSSLCOMPRESSION", "sslcompression"},
	{"PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"},
	{"PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"},
	{"PGGSSENCMODE", "gssencmode"},
	{"PGGSSLIB", "gsslib"},
	{"PGGSSDELEGATION", "gssdelegation"},
	{"PGLOADBALANCEHOSTS", "load_balance_hosts"},
}

// harmless are values that ask for what is done anyway.
var harmless = map[string][]string{
	"PGGSSENCMODE":       {"disable", "prefer"},
	"PGGSSDELEGATION":    {"0"},
	"PGREQUIRESSL":       {"0"},
	"PGSSLCOMPRESSION":   {"0"},
	"PGLOADBALANCEHOSTS": {"disable"},
}

// fillIn takes what the URL leaves open from PostgreSQL's own variables, as psql does, and returns those that it took.
// pgx would read most of them by itself, but only from the environment, and nobody would see it.
func (r *reader) fillIn(a *address) (from []string) {
	for _, v := range pgVariables {
		val, set := r.lookup(v.variable)
		if !set || val == "" || a.says(v.param) || slices.Contains(harmless[v.variable], val) {
			continue
		}
		if canonical(v.param) == "" {
			what, allowed := refusal(v.param, false)
			r.mistake(v.variable, "stands for "+what, allowed)
			continue
		}
		if p, bad := checkValue(v.param, val); bad {
			r.mistake(v.variable, p.what, p.allowed)
			continue
		}
		a.set(v.param, val)
		from = append(from, v.variable)
	}
	return from
}

// says reports whether the URL itself gives a parameter. Several hosts without a port mean the default one.
func (a *address) says(param string) bool {
	given := func(s string) bool { return s != "" }
	switch param {
	case "host":
		return slices.ContainsFunc(a.hosts, given)
	case "port":
		return len(a.ports) > 1 || slices.ContainsFunc(a.ports, given)
	case "user":
		return a.user != ""
	case "database":
		return a.database != ""
	case "password":
		return a.hasPassword
	}
	_, found := a.params[param]
	return found
}
