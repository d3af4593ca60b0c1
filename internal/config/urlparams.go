package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// connectionParams say how to connect: pgx reads them, and sends none of them to the server.
var connectionParams = words(`application_name channel_binding connect_timeout database dbname host krbspn krbsrvname
	max_protocol_version min_protocol_version options passfile password port require_auth ssl sslcert sslcertmode sslkey
	sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs user`)

// runtimeParams are those of PostgreSQL 12 to 18 that a connection may set. What the server itself does not know, or
// does not let this user set, it refuses by name when the connection is tested.
var runtimeParams = words(`allow_in_place_tablespaces allow_system_table_mods application_name array_nulls
	backend_flush_after backslash_quote backtrace_functions bytea_output check_function_bodies client_connection_check_interval
	client_encoding client_min_messages commit_delay commit_siblings commit_timestamp_buffers compute_query_id
	constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost createrole_self_grant cursor_tuple_fraction
	datestyle deadlock_timeout debug_discard_caches debug_logical_replication_streaming debug_parallel_query
	debug_pretty_print debug_print_parse debug_print_plan debug_print_rewritten default_statistics_target
	default_table_access_method default_tablespace default_text_search_config default_toast_compression
	default_transaction_deferrable default_transaction_isolation default_transaction_read_only dynamic_library_path
	effective_cache_size effective_io_concurrency enable_async_append enable_bitmapscan enable_distinct_reordering
	enable_gathermerge enable_group_by_reordering enable_hashagg enable_hashjoin enable_incremental_sort
	enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
	enable_parallel_append enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
	enable_partitionwise_join enable_presorted_aggregate enable_self_join_elimination enable_seqscan enable_sort
	enable_tidscan escape_string_warning event_triggers exit_on_error extension_control_path extra_float_digits
	file_copy_method force_parallel_mode from_collapse_limit geqo geqo_effort geqo_generations geqo_pool_size geqo_seed
	geqo_selection_bias geqo_threshold gin_fuzzy_search_limit gin_pending_list_limit hash_mem_multiplier icu_validation_level
	idle_in_transaction_session_timeout idle_session_timeout ignore_checksum_failure ignore_system_indexes intervalstyle
	io_combine_limit jit jit_above_cost jit_debugging_support jit_dump_bitcode jit_expressions jit_inline_above_cost
	jit_optimize_above_cost jit_profiling_support jit_tuple_deforming join_collapse_limit lc_messages lc_monetary lc_numeric
	lc_time lo_compat_privileges local_preload_libraries lock_timeout log_connections log_disconnections log_duration
	log_error_verbosity log_executor_stats log_lock_failures log_lock_waits log_min_duration_sample
	log_min_duration_statement log_min_error_statement log_min_messages log_parameter_max_length
	log_parameter_max_length_on_error log_parser_stats log_planner_stats log_replication_commands log_statement
	log_statement_sample_rate log_statement_stats log_temp_files log_transaction_sample_rate logical_decoding_work_mem
	maintenance_io_concurrency maintenance_work_mem max_parallel_maintenance_workers max_parallel_workers
	max_parallel_workers_per_gather max_stack_depth min_parallel_index_scan_size min_parallel_table_scan_size
	operator_precedence_warning parallel_leader_participation parallel_setup_cost parallel_tuple_cost password_encryption
	plan_cache_mode post_auth_delay quote_all_identifiers random_page_cost recursive_worktable_factor
	restrict_nonsystem_relation_kind role row_security scram_iterations search_path seq_page_cost session_preload_libraries
	session_replication_role standard_conforming_strings statement_timeout stats_fetch_consistency synchronize_seqscans
	synchronous_commit tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval temp_buffers temp_file_limit
	temp_tablespaces timezone timezone_abbreviations trace_notify trace_sort track_activities track_cost_delay_timing
	track_counts track_functions track_io_timing track_wal_io_timing transaction_deferrable transaction_isolation
	transaction_read_only transaction_timeout transform_null_equals update_process_title vacuum_buffer_usage_limit
	vacuum_cleanup_index_scale_factor vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty vacuum_cost_page_hit
	vacuum_cost_page_miss vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age
	vacuum_max_eager_freeze_failure_rate vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
	vacuum_multixact_freeze_table_age vacuum_truncate wal_compression wal_consistency_checking wal_init_zero wal_recycle
	wal_sender_timeout wal_skip_threshold work_mem xmlbinary xmloption zero_damaged_pages`)

// words are the names in a list, for look-up.
func words(list string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// own are parameters that end here: settings of this program, or of another one's that has the same meaning.
var own = words("pgbouncer fallback_application_name")

// synonyms are what other programs call a parameter that is known here.
var synonyms = map[string]string{
	"dbname":          "database",
	"schema":          "search_path", // Prisma
	"currentSchema":   "search_path", // JDBC
	"ApplicationName": "application_name",
}

// canonical is the name under which pgx or PostgreSQL know a parameter, or "". Of PostgreSQL's own, case makes no
// difference; a dot marks one of an extension or of the application.
func canonical(name string) string {
	lower := strings.ToLower(name)
	switch {
	case synonyms[name] != "":
		return synonyms[name]
	case connectionParams[name], own[name]:
		return name
	case runtimeParams[lower], strings.Contains(name, "."):
		return lower
	}
	return ""
}

// quoteIdent makes a schema's name, which Prisma takes as it is, an element of search_path.
func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// choices are the values that a parameter may have, where pgx would refuse others later and less clearly, or PostgreSQL
// would take one that this program cannot work with.
var choices = map[string][]string{
	"sslmode":              {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
	"ssl":                  {"true"},
	"sslnegotiation":       {"postgres", "direct"},
	"sslcertmode":          {"disable", "allow", "require"},
	"sslsni":               {"0", "1"},
	"target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
	"channel_binding":      {"disable", "prefer", "require"},
	"min_protocol_version": {"3.0", "3.2", "latest"},
	"max_protocol_version": {"3.0", "3.2", "latest"},
	"pgbouncer":            {"true", "false"},
	"client_encoding":      {"utf8", "utf-8", "unicode"},
}

// checkValue says what is wrong with the value of a known parameter.
func checkValue(name, val string) (p problem, bad bool) {
	switch name {
	case "connect_timeout":
		seconds, err := strconv.ParseInt(val, 10, 64)
		if err != nil || seconds < 1 || seconds > maxSeconds {
			return problem{"has a bad connect_timeout", "whole seconds, 1 or more; without it DB_CONNECT_TIMEOUT holds"}, true
		}
	case "port":
		if slices.ContainsFunc(strings.Split(val, ","), func(p string) bool { return !isPort(p) }) {
			return problem{"has a bad port", portForm}, true
		}
	case "require_auth":
		return checkAuth(val)
	case "client_encoding":
		val = strings.ToLower(val)
	}
	allowed := choices[name]
	if allowed == nil || slices.Contains(allowed, val) {
		return problem{}, false
	}
	return problem{"has a bad " + name, strings.Join(allowed, ", ") + choose(name == "ssl", "; else use sslmode", "")}, true
}

// checkAuth wants methods that are all asked for, or all excluded by an exclamation mark, as pgx does.
func checkAuth(val string) (p problem, bad bool) {
	methods := words("password md5 gss sspi scram-sha-256 none")
	excluded := strings.HasPrefix(val, "!")
	for method := range strings.SplitSeq(val, ",") {
		name, not := strings.CutPrefix(method, "!")
		if not != excluded || !methods[name] {
			return problem{"has a bad require_auth", "password, md5, gss, sspi, scram-sha-256, none, separated by commas, or each with a ! before it"}, true
		}
	}
	return problem{}, false
}

// connectTimeout is the URL's own limit, or 0.
func (a *address) connectTimeout() time.Duration {
	seconds, _ := strconv.Atoi(a.params["connect_timeout"]) // checked before
	return time.Duration(seconds) * time.Second
}

// refusal says what to write in place of a parameter that is not known here. The name is shown, except where it may be
// the rest of a password that was not encoded.
func refusal(name string, hidden bool) (what, allowed string) {
	lower := strings.ToLower(name)
	if advice, known := foreign[lower]; known {
		return lower + ", which is not understood here", advice
	}
	if connectionParams[lower] {
		return lower + " in another spelling", lower
	}
	if hidden {
		return "an unknown parameter after password (not shown: it may be a part of it)", "& in the password as %26, = as %3D"
	}
	return fmt.Sprintf("the unknown parameter %s", quote(name)), "parameters of a connection (sslmode, connect_timeout, …), " +
		"run-time parameters of PostgreSQL (search_path, lock_timeout, …), names with a dot; others of the server's as options=-c%20NAME%3DVALUE"
}
