package ops

import (
	"time"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/services/memory"
)

// API describes the health routes.
func API() openapi.Group {
	report := Report{Status: statusOK, Timestamp: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), Detail: &Detail{
		Uptime: 86400.5, Database: statusOK, Redis: statusOK, Environment: "production",
		Memory: memory.Usage{RSS: 48.2, HeapTotal: 24.5, HeapUsed: 12.1, External: 8.3, Limit: 460.8, LimitUsed: 32.8},
	}}
	about := "For load balancers and people on call."
	return openapi.Group{Tag: "operations", Description: about, Operations: []openapi.Operation{
		{
			ID: "showHealth", Method: "GET", Path: "/health", Summary: "How the process is doing", Answer: report,
			Description: "All but `status` and `timestamp` is left out unless the setting HEALTH_DETAIL says otherwise; in " +
				"production it is left out. `writeBehind` is how writes are taken that are stored later: kept in Redis and " +
				"stored in batches; stored at once, where Redis may drop what it holds; or not at all, as long as Redis could " +
				"not be asked.",
			Says: "Nothing is wrong.", Never: []int{304}, Others: []openapi.Other{{
				Status: 503, Answer: Report{}, Says: "A dependency is down, the heap is too large, or the process does not serve.",
			}},
		},
		{
			ID: "isLive", Method: "GET", Path: "/health/live", Summary: "Whether the process answers", Never: []int{304, 503},
			Description: "Asks no dependency: restarting the process would not bring one back.",
			Answer:      status("live"), Says: "It does.",
		},
		{
			ID: "isReady", Method: "GET", Path: "/health/ready", Summary: "Whether the process should get requests",
			Description: "A dependency that is down does not change the answer, or every node would leave the balancer at once.",
			Says:        "It should.", Never: []int{304}, Answer: ready(),
			Others: []openapi.Other{{Status: 503, Says: "Not yet, or no longer.", Answer: status("starting", "draining")}},
		},
		{
			ID: "showOpenAPI", Method: "GET", Path: "/openapi.json", Summary: "This document", Says: "OpenAPI 3.1.",
			Answer: openapi.Schema{
				"type": "object", "required": []string{"openapi", "info", "paths"},
				"properties": openapi.Schema{
					"openapi": openapi.Schema{"const": "3.1.0"}, "info": openapi.Schema{"type": "object"},
					"paths": openapi.Schema{"type": "object"},
				},
				"examples": []openapi.Schema{{
					"openapi": "3.1.0", "info": openapi.Schema{"title": "Lamps", "version": "1"}, "paths": openapi.Schema{},
				}},
			},
		},
	}}
}

func status(values ...string) openapi.Schema {
	return openapi.Schema{
		"type": "object", "additionalProperties": false, "required": []string{"status"},
		"properties": openapi.Schema{"status": openapi.Schema{"enum": values}},
		"examples":   []Probe{{Status: values[len(values)-1]}},
	}
}

func ready() openapi.Schema {
	s := status("ready")
	s["properties"] = openapi.Schema{"status": openapi.Schema{"enum": []string{"ready"}}, "degraded": openapi.Schema{
		"type": "array", "minItems": 1, "uniqueItems": true,
		"items": openapi.Schema{"enum": []string{Database, Replica, Redis}},
		"description": "The dependencies that are down; left out when there are none, and where HEALTH_DETAIL hides the " +
			"detail.",
	}}
	s["examples"] = []Probe{{Status: "ready", Degraded: []string{Redis}}}
	return s
}
