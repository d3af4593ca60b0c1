package config

// What is allowed in place of a parameter that is not understood.
const (
	nothing     = "nothing in its place: "
	forPoolers  = "DB_PGBOUNCER=true if the URL points at a pooler, else nothing in its place"
	forSize     = "DB_POOL_SIZE and DB_MAX_OVERFLOW in its place"
	forRecycle  = "DB_POOL_RECYCLE in its place"
	forLimit    = "DB_STATEMENT_TIMEOUT in its place"
	forConnect  = "connect_timeout or DB_CONNECT_TIMEOUT in its place"
	forTLS      = "sslmode in its place, with sslrootcert, sslcert and sslkey"
	noKeepAlive = nothing + "idle lines are watched after a minute by themselves"
	noGSS       = nothing + "connections are encrypted by TLS only, see sslmode"
	noService   = "what the service says, written into DATABASE_URL"
)

// foreign are parameters of libpq, pgx and other programs, in lower case, and what to write here instead.
var foreign = map[string]string{
	// libpq
	"keepalives":               noKeepAlive,
	"keepalives_idle":          noKeepAlive,
	"keepalives_interval":      noKeepAlive,
	"keepalives_count":         noKeepAlive,
	"tcp_user_timeout":         nothing + "lost lines are found by DB_CONNECT_TIMEOUT; the server's own as options=-c%20tcp_user_timeout%3D…",
	"gssencmode":               noGSS,
	"gsslib":                   noGSS,
	"gssdelegation":            noGSS,
	"hostaddr":                 "the address as host",
	"load_balance_hosts":       nothing + "hosts are tried in the order of the URL",
	"replication":              nothing + "this program does not replicate",
	"requirepeer":              nothing + "the owner of a socket is not checked",
	"requiressl":               "sslmode=require",
	"service":                  noService,
	"servicefile":              noService,
	"sslcompression":           nothing + "TLS is not compressed",
	"sslcrl":                   nothing + "revoked certificates are not looked up",
	"sslcrldir":                nothing + "revoked certificates are not looked up",
	"sslkeylogfile":            nothing + "keys are not written to a file",
	"ssl_min_protocol_version": nothing + "TLS 1.2 is the least",
	"ssl_max_protocol_version": nothing + "TLS 1.2 is the least",
	"scram_client_key":         "password in its place",
	"scram_server_key":         "password in its place",
	"oauth_issuer":             "password in its place",
	"oauth_client_id":          "password in its place",

	// pgx and pgxpool: the pool and its statements are this program's to choose
	"pool_max_conns":                forSize,
	"pool_min_conns":                "DB_POOL_SIZE in its place",
	"pool_min_idle_conns":           "DB_POOL_SIZE in its place",
	"pool_max_conn_lifetime":        forRecycle,
	"pool_max_conn_lifetime_jitter": forRecycle,
	"pool_max_conn_idle_time":       "DB_OVERFLOW_IDLE in its place",
	"pool_health_check_period":      "DB_OVERFLOW_IDLE in its place",
	"pool_ping_timeout":             "DB_POOL_PRE_PING in its place",
	"statement_cache_capacity":      forPoolers,
	"description_cache_capacity":    forPoolers,
	"default_query_exec_mode":       forPoolers,

	// Prisma
	"connection_limit":     forSize,
	"pool_timeout":         "DB_POOL_TIMEOUT in its place",
	"socket_timeout":       forLimit,
	"statement_cache_size": forPoolers,
	"sslidentity":          forTLS,
	"sslaccept":            forTLS,

	// SQLAlchemy, psycopg, asyncpg, Django
	"pool_size":                     forSize,
	"max_overflow":                  forSize,
	"pool_recycle":                  forRecycle,
	"pool_pre_ping":                 "DB_POOL_PRE_PING in its place",
	"echo":                          "DB_ECHO in its place",
	"prepare_threshold":             forPoolers,
	"prepared_statement_cache_size": forPoolers,
	"prepared_statement_name_func":  forPoolers,
	"async_fallback":                nothing + "it is SQLAlchemy's",
	"server_settings":               "its parameters one by one, such as search_path=…",
	"command_timeout":               forLimit,
	"conn_max_age":                  forRecycle,
	"conn_health_checks":            "DB_POOL_PRE_PING in its place",

	// JDBC
	"preparethreshold":              forPoolers,
	"preparedstatementcachequeries": forPoolers,
	"preparedstatementcachesizemib": forPoolers,
	"prefersimpleprotocol":          forPoolers,
	"prefer_simple_protocol":        forPoolers,
	"binary_parameters":             forPoolers, // lib/pq
	"binarytransfer":                nothing + "the protocol is this program's to choose",
	"connecttimeout":                forConnect,
	"logintimeout":                  forConnect,
	"sockettimeout":                 forLimit,
	"tcpkeepalive":                  noKeepAlive,
	"targetservertype":              "target_session_attrs in its place",
	"loadbalancehosts":              nothing + "hosts are tried in the order of the URL",
	"readonly":                      "default_transaction_read_only=on",
	"sslfactory":                    forTLS,
	"stringtype":                    nothing + "it is JDBC's",
	"rewritebatchedinserts":         nothing + "it is JDBC's",
	"defaultrowfetchsize":           nothing + "it is JDBC's",
	"assumeminserverversion":        nothing + "it is JDBC's",
	"disablecolumnsanitiser":        nothing + "it is JDBC's",
	"allowencodingchanges":          nothing + "it is JDBC's",
	"charset":                       nothing + "texts are UTF-8",                      // Doctrine
	"encoding":                      nothing + "texts are UTF-8",                      // Rails, node-postgres
	"serverversion":                 nothing + "the server says it",                   // Doctrine
	"uselibpqcompat":                nothing + "sslmode means what it means to libpq", // node-postgres
	"workaround":                    forPoolers,                                       // Supabase
	"pool":                          forSize,                                          // Rails
	"username":                      "user",
	"autosave":                      nothing + "it is JDBC's",
	"timeout":                       forConnect,
	"max_client_conn":               nothing + "it is PgBouncer's own",
	"ignore_startup_parameters":     nothing + "it is PgBouncer's own",
	"pool_mode":                     nothing + "it is PgBouncer's own",
	"max_connections":               "DB_POOL_SIZE and DB_MAX_OVERFLOW in its place; the server's own is set there",
	"maximum_pool_size":             forSize,
	"min_pool_size":                 forSize,
	"max_pool_size":                 forSize,
}
