package server

import "log/slog"

// ownFiles is what a process opens beside connections and pools: its streams, its
// sockets to the supervisor and to Prometheus, files of templates.
const ownFiles = 64

// fitConnections lowers MaxConnections to what the limit on open files leaves room for
// beside the pools: without a file descriptor left, PostgreSQL and Redis could not be
// reached either. Go has raised the soft limit to the hard one.
func (s *Settings) fitConnections(log *slog.Logger) {
	files, limited := fileLimit()
	if !limited {
		return
	}
	pools := s.DatabaseMaxConns + s.RedisMaxConns
	if s.DatabaseReplicaURL != "" {
		pools += s.DatabaseMaxConns
	}
	fit := max(files-pools-ownFiles, files/2)
	if fit >= s.MaxConnections {
		return
	}
	log.Warn("the limit on open files is too low for MAX_CONNECTIONS: fewer connections are taken; "+
		"raise it (ulimit -n, LimitNOFILE of systemd, nofile of Docker), or lower MAX_CONNECTIONS",
		"max_connections", s.MaxConnections, "open_files", files, "taken", fit)
	s.MaxConnections = fit
}
