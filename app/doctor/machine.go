package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"example.com/prefab/app/server"
	"example.com/prefab/services/memory"
)

func (o Options) examineMachine(ctx context.Context, r *Report) {
	s := o.Settings
	r.OK("settings", "%s, %s", s.Env, plural(s.WorkerCount(), "process", "processes"))
	o.checkPort(ctx, r)
	o.checkFiles(r)
	o.checkMemory(r)
	if s.Env != server.Production {
		return
	}
	if len(s.TrustedProxies) == 0 {
		r.Warn("proxies", "no proxy is trusted: behind one, every client has its address, and limits count all together",
			"set TRUSTED_PROXIES to the addresses of the load balancer; without one, see that clients come by https, "+
				"since browsers send the session's cookie by https only")
	} else {
		r.OK("proxies", "%s", plural(len(s.TrustedProxies), "network is", "networks are")+" trusted")
	}
	if address, err := netip.ParseAddr(s.Host); err == nil && address.IsLoopback() {
		r.Warn("HOST", s.Host+" takes connections from this machine alone",
			"right behind a proxy on this machine; in a container set HOST=0.0.0.0")
	}
	host, _, err := net.SplitHostPort(s.AdminAddr)
	if err != nil {
		return // nowhere
	}
	address, err := netip.ParseAddr(host)
	if host == "" || err == nil && !address.IsLoopback() && !address.IsPrivate() {
		r.Warn("ADMIN_ADDR", s.AdminAddr+" shows metrics and the console to everybody who can reach it",
			"bind it to an address of an internal network")
	}
	if local := host == "localhost" || err == nil && address.IsLoopback(); !local && (s.OpsActions || s.OpsProfiles) {
		r.Warn("OPS_ACTIONS", "whoever reaches "+s.AdminAddr+" can change the service or profile it",
			"set OPS_ACTIONS and OPS_PROFILES to false, or ADMIN_ADDR to 127.0.0.1:3001")
	}
}

// checkPort reports a port that another program has taken.
func (o Options) checkPort(ctx context.Context, r *Report) {
	address := net.JoinHostPort(o.Settings.Host, strconv.Itoa(o.Settings.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = listener.Close()
		r.OK("port", "%s is free", address)
	case !errors.Is(err, syscall.EADDRINUSE):
		r.Fail("port", err.Error(), "choose another HOST or PORT; a port below 1024 needs a right")
	case server.Healthcheck(ctx, o.Settings) == nil:
		r.OK("port", "a service answers on %s", address)
	default:
		r.Fail("port", address+" is taken by a program that is not this service", "stop it, or choose another PORT")
	}
}

// checkFiles compares the limit on open files with what a full process opens: its
// connections, its pools, and some for files and the runtime.
func (o Options) checkFiles(r *Report) {
	limit, known := openFiles()
	if !known {
		return
	}
	s := o.Settings.ForWorker()
	need := uint64(s.MaxConnections + s.DatabaseMaxConns + s.RedisMaxConns + 100)
	if limit < need {
		r.Warn("open files", fmt.Sprintf("a process may open %d, and needs %d", limit, need),
			fmt.Sprintf("ulimit -n %d (LimitNOFILE= of systemd), or a smaller MAX_CONNECTIONS", need))
		return
	}
	r.OK("open files", "%d of at most %d are needed", need, limit)
}

// checkMemory compares what the settings allow with what the process may hold.
func (o Options) checkMemory(r *Report) {
	const mib, base = 1 << 20, 64 // MiB of the program itself
	limit := memory.NewMeter(o.Settings.WorkerCount()).Read().Limit
	need := float64(o.Memory+o.Settings.BodyBudget)/mib + base
	switch {
	case limit == 0:
	case need > limit:
		r.Warn("memory",
			fmt.Sprintf("caches, bodies and passwords may take %.0f MiB of a process, which may hold %.0f", need, limit),
			"smaller CACHE_L1_MAX_BYTES, BODY_BUDGET or WORKERS, or more memory")
	default:
		r.OK("memory", "caches, bodies and passwords take at most %.0f of %.0f MiB of a process", need, limit)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return strconv.Itoa(n) + " " + many
}
