package config

import (
	_ "embed"
	"strings"
)

//go:embed parameters.txt
var parameterTable string

// parameters are those of the table.
var parameters = readParameters(parameterTable)

// A parameter may have any value, or what is allowed, or is refused for another.
type parameter struct{ allowed, instead string }

func readParameters(table string) map[string]parameter {
	all := map[string]parameter{}
	for line := range strings.Lines(table) {
		line, _, _ = strings.Cut(line, "#")
		names, instead, _ := strings.Cut(strings.TrimSpace(line), ": ")
		names, allowed, _ := strings.Cut(names, " = ")
		for name := range strings.FieldsSeq(names) {
			all[name] = parameter{allowed, instead}
		}
	}
	return all
}

// synonyms are what libpq, Prisma and JDBC call a parameter.
var synonyms = map[string]string{
	"dbname": "database", "fallback_application_name": "application_name",
	"schema": "search_path", "currentschema": "search_path", "applicationname": "application_name",
}

// libpq are the parameters that have a variable: PG and the name. https://www.postgresql.org/docs/current/libpq-envars.html
const libpq = `host port database user password passfile application_name options timezone datestyle geqo client_encoding
	connect_timeout target_session_attrs sslmode sslnegotiation sslcert sslcertmode sslkey sslpassword sslrootcert sslsni
	krbsrvname channel_binding require_auth min_protocol_version max_protocol_version service hostaddr requirepeer requiressl
	sslcrl sslcrldir sslcompression ssl_min_protocol_version ssl_max_protocol_version gssencmode gsslib gssdelegation
	load_balance_hosts`

var libpqOdd = map[string]string{"application_name": "PGAPPNAME", "timezone": "PGTZ", "connect_timeout": "PGCONNECT_TIMEOUT"}

// libpqHarmless ask for what is done anyway.
var libpqHarmless = strings.Fields("gssencmode=disable gssencmode=prefer gssdelegation=0 requiressl=0 sslcompression=0 load_balance_hosts=disable")
