package console

const (
	sparkSteps = 15 // 30 s
	sparks     = steps / sparkSteps
)

// recentSeconds is how much of the last minute the node has been there. The newest step,
// half of which is over on average, does not count.
func recentSeconds(info NodeInfo) float64 {
	return max(step, min(recentSteps*step, info.Seen.Sub(info.Started)-step/2)).Seconds()
}

// grow adds what a value grew by in the step of that age.
func (n *node) grow(route string, age int, s *series, value int, grown float64) {
	recent := age > 0 && age <= recentSteps // the newest step is not over
	switch s.family {
	case requestsTotal:
		name := routeOf(s.labels)
		c := counts{N: uint64(grown)}
		if isError(s.labels["status"]) {
			c.Errors = c.N
		}
		if recent {
			entry(n.Routes, name).Recent.add(c)
		}
		if route == "" || route == name {
			n.History[steps-1-age].add(c)
		}
		r := entry(n.Routes, name)
		if r.Spark == nil {
			r.Spark = make([]uint64, sparks)
		}
		r.Spark[sparks-1-age/sparkSteps] += c.N
	case requestDuration:
		name := routeOf(s.labels)
		n.Bounds = s.bounds
		if recent {
			entry(n.Routes, name).Recent.observe(s, value, grown)
		}
		if route == "" || route == name {
			n.History[steps-1-age].observe(s, value, grown)
		}
	default:
		if recent {
			n.growRecent(s, value, grown)
		}
	}
}

func (n *node) growRecent(s *series, value int, grown float64) {
	switch s.family {
	case queryDuration:
		n.SQL = s.bounds
		c := &entry(n.Statements, s.labels["query"]).Recent
		c.observe(s, value, grown)
		if value <= len(s.bounds) {
			c.N += uint64(grown)
		}
	case cacheLookups:
		n.table(s.labels["table"]).Recent[s.labels["found"]] += uint64(grown) // maybe new since the totals were read
	case limitedRequests:
		if s.labels["outcome"] == "denied" {
			entry(n.Limits, s.labels["limit"]).Recent += uint64(grown)
		}
	case deniedSignIns:
		entry(n.Limits, s.labels["name"]+" by "+s.labels["limit"]).Recent += uint64(grown)
	case poolWaits, redisPoolTimeouts:
		entry(n.Pools, poolOf(s.family, s.labels)).Rate += grown / n.Seconds
	case cpuSeconds:
		n.Info.CPU += grown / n.Seconds
	}
}
