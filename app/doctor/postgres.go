package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/postgres"
)

// oldestPostgres is the oldest version that docs/deployment.md allows, as server_version_num.
const oldestPostgres = 14_00_00

// serverFacts are what PostgreSQL tells of itself and of this user.
type serverFacts struct {
	Now       time.Time
	Version   int
	Name      string // of the version
	InReplica bool
	Room      int // connections that are not reserved for administrators
	MayCreate bool
	Encrypted bool
	Local     bool
	Lag       float64 // seconds, of a replica
}

const factsQuery = `-- name: doctor.facts
SELECT clock_timestamp() AS now, current_setting('server_version_num')::int AS version,
    current_setting('server_version') AS name, pg_is_in_recovery() AS in_replica,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS room,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
    coalesce(host(inet_server_addr()) IN ('127.0.0.1', '::1'), true) AS local,
    CASE WHEN pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
        THEN coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) ELSE 0 END AS lag`

const foreignTables = `-- name: doctor.tables
SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
    AND NOT has_table_privilege(c.oid, 'SELECT, INSERT') ORDER BY 1 LIMIT 5`

func (o Options) examinePostgres(ctx context.Context, r *Report) {
	const name = "PostgreSQL"
	s := o.Settings
	if s.DatabaseURL == "" {
		return
	}
	db, facts, ok := o.reach(ctx, r, name, s.DatabaseURL)
	if !ok {
		return
	}
	defer db.Close()
	if facts.InReplica {
		r.Fail(name, "it is a replica, which takes no writes", "set DATABASE_URL to the primary")
		return
	}
	if s.DatabaseMaxConns > facts.Room {
		r.Fail("connections",
			fmt.Sprintf("DATABASE_MAX_CONNS is %d, but the server has %d for all nodes", s.DatabaseMaxConns, facts.Room),
			"a higher max_connections, or a smaller pool")
	} else {
		r.OK("connections", "%d of the server's %d: all nodes together must stay below", s.DatabaseMaxConns, facts.Room)
	}
	waiting := o.checkMigrations(ctx, r, db)
	if waiting && !facts.MayCreate {
		r.Fail("rights", "this user may not create tables, and migrations wait",
			"GRANT CREATE ON SCHEMA, or migrate as another user")
	}
	var names []string
	if err := db.SelectContext(ctx, &names, foreignTables); err == nil && len(names) > 0 {
		r.Fail("rights", "this user may not read and write "+strings.Join(names, ", "),
			"GRANT SELECT, INSERT, UPDATE, DELETE on the tables")
	} else if err == nil {
		r.OK("rights", "this user may read and write all tables")
	}
	if s.DatabasePrepared {
		o.checkPrepared(ctx, r)
	}
	if o.Own != nil {
		o.Own(ctx, db, r)
	}
}

// reach asks a server for its facts, and reports those that every server must have.
func (o Options) reach(
	ctx context.Context, r *Report, name string, url settings.ServerURL,
) (*sqlx.DB, serverFacts, bool) {
	var facts serverFacts
	db, err := postgres.Open(postgres.Options{URL: string(url), MaxConns: 1})
	var begin, end time.Time
	if err == nil {
		if err = db.PingContext(ctx); err == nil { // so that connecting does not count below
			begin = time.Now()
			err = db.GetContext(ctx, &facts, factsQuery)
			end = time.Now()
		}
		if err != nil {
			_ = db.Close()
		}
	}
	if err != nil {
		r.Fail(name, "it cannot be used: "+err.Error(),
			"see that it runs, that this machine may reach it, and user and password")
		return nil, facts, false
	}
	if facts.Version < oldestPostgres {
		r.Fail(name, "version "+facts.Name+" is too old", "PostgreSQL 14 or later")
	} else {
		r.OK(name, "version %s, answers in %s", facts.Name, end.Sub(begin).Round(100*time.Microsecond))
	}
	checkClock(r, name+", clock", begin.Add(end.Sub(begin)/2), facts.Now)
	checkTLS(r, name+", TLS", facts.Encrypted, facts.Local, "sslmode=verify-full in the URL, with PGSSLROOTCERT")
	return db, facts, true
}

func (o Options) checkMigrations(ctx context.Context, r *Report, db *sqlx.DB) (waiting bool) {
	const about = "migrations"
	list, err := migrate.List(ctx, db.DB, o.Migrations)
	if err != nil {
		r.Fail(about, err.Error(), "see docs/operations.md")
		return false
	}
	var pending, changed, unknown []string
	for _, m := range list {
		switch {
		case m.AppliedAt.IsZero():
			pending = append(pending, m.String())
		case m.Name == "":
			unknown = append(unknown, m.String())
		case m.Changed:
			changed = append(changed, m.String())
		}
	}
	if len(changed) > 0 {
		r.Fail(about, "edited after they were applied: "+strings.Join(changed, ", "),
			"restore the files; write a new migration for a change")
	}
	if len(unknown) > 0 {
		r.Warn(about, "the schema is newer than this program: "+strings.Join(unknown, ", "), "deploy the newer program")
	}
	if len(pending) > 0 {
		r.Warn(about, plural(len(pending), "migration waits: ", "migrations wait: ")+strings.Join(pending, ", "),
			"the next start applies them; to do it before: migrate up")
	} else if len(changed)+len(unknown) == 0 {
		r.OK(about, "all %d are applied", len(list))
	}
	return len(pending) > 0
}

// checkPrepared runs one statement often on several connections. A pooler that hands
// server connections from client to client without knowing prepared statements breaks it.
func (o Options) checkPrepared(ctx context.Context, r *Report) {
	const about, connections, rounds = "prepared statements", 4, 10
	db, err := postgres.Open(postgres.Options{
		URL: string(o.Settings.DatabaseURL), MaxConns: connections, Prepared: true,
	})
	if err != nil {
		return // reach has reported it
	}
	defer db.Close()
	var group errgroup.Group
	for i := range connections {
		group.Go(func() error {
			query := fmt.Sprintf("-- name: doctor.prepared\nSELECT %d + $1::int", i)
			for n := range rounds {
				var sum int
				if err := db.GetContext(ctx, &sum, query, n); err != nil {
					return err
				}
				if sum != i+n {
					return errors.New("a statement of another client was run")
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		r.Fail(about, "they do not work here: "+err.Error(),
			"DATABASE_PREPARED=false, or PgBouncer 1.21 or later with max_prepared_statements")
		return
	}
	r.OK(about, "they work")
}

// replicaLag is how far a replica may be behind before exports miss what was just written.
const replicaLag = 10 * time.Second

func (o Options) examineReplica(ctx context.Context, r *Report) {
	const name = "replica"
	if o.Settings.DatabaseReplicaURL == "" {
		return
	}
	db, facts, ok := o.reach(ctx, r, name, o.Settings.DatabaseReplicaURL)
	if !ok {
		return
	}
	defer db.Close()
	lag := time.Duration(facts.Lag * float64(time.Second)).Round(time.Millisecond)
	switch {
	case !facts.InReplica:
		r.Warn(name, "it is no replica", "set DATABASE_REPLICA_URL to a server that follows DATABASE_URL")
	case lag > replicaLag:
		r.Warn(name, fmt.Sprintf("it is %s behind", lag), "exports lack what was written since; see what slows it")
	default:
		r.OK(name, "it is %s behind", lag)
	}
}
