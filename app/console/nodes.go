package console

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/tracing"
)

const (
	maxAsks        = 4                      // answered at once; more are ignored
	publishTimeout = 300 * time.Millisecond // a slow Redis delays the page by that much
)

// nodes asks the consoles of other nodes, and answers them, through channels of Redis. Nothing
// is stored, and nothing is sent while nobody uses the console.
type nodes struct {
	client  redis.UniversalClient
	id      string // names repeat: containers in their host's network share its name, and each has the process id 1
	answer  func(ctx context.Context, route string) *node
	channel string
	asks    chan struct{} // a semaphore

	mu      sync.Mutex
	waiting map[string]chan *node // by the question's id
}

// message is a question, or an answer to one.
type message struct {
	ID    string `json:"id"`
	From  string `json:"from"` // the id of a node
	Route string `json:"route,omitempty"`
	Node  *node  `json:"node,omitempty"` // of an answer
}

func newNodes(client redis.UniversalClient, answer func(context.Context, string) *node) *nodes {
	n := &nodes{
		client: client, id: tracing.NewID(), answer: answer, channel: "prefab:console",
		asks: make(chan struct{}, maxAsks), waiting: make(map[string]chan *node),
	}
	if single, ok := client.(*redis.Client); ok { // channels are not divided by database as keys are
		n.channel += ":" + strconv.Itoa(single.Options().DB)
	}
	return n
}

func (n *nodes) channelOf(id string) string { return n.channel + ":" + id }

// run receives questions and answers until ctx ends. go-redis subscribes again after a failure.
func (n *nodes) run(ctx context.Context) {
	subscription := n.client.Subscribe(ctx, n.channel, n.channelOf(n.id))
	defer subscription.Close()
	var answering sync.WaitGroup
	defer answering.Wait()
	for received := subscription.Channel(); ; {
		select {
		case m := <-received:
			if m == nil {
				return
			}
			n.receive(ctx, m.Payload, &answering)
		case <-ctx.Done():
			return
		}
	}
}

func (n *nodes) receive(ctx context.Context, payload string, answering *sync.WaitGroup) {
	var m message
	if json.Unmarshal([]byte(payload), &m) != nil || m.From == n.id {
		return
	}
	if m.Node != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		select {
		case n.waiting[m.ID] <- m.Node:
		default: // nobody waits for it any more
		}
		return
	}
	select {
	case n.asks <- struct{}{}:
	default:
		return
	}
	answering.Go(func() {
		defer func() { <-n.asks }()
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		text, err := json.Marshal(message{ID: m.ID, From: n.id, Node: n.answer(ctx, m.Route)})
		if err == nil {
			n.client.Publish(ctx, n.channelOf(m.From), text)
		}
	})
}

// question is one that was sent to the other nodes.
type question struct {
	nodes   *nodes
	id      string
	answers chan *node
	others  int // nodes that have got it; negative: not known
	problem string
}

// maxNodes bounds the answers that are kept.
const maxNodes = 256

// ask sends a question. Wait for its answers.
func (n *nodes) ask(ctx context.Context, route string) *question {
	q := &question{nodes: n, id: tracing.NewID(), answers: make(chan *node, maxNodes)}
	n.mu.Lock()
	n.waiting[q.id] = q.answers
	n.mu.Unlock()
	text, _ := json.Marshal(message{ID: q.id, From: n.id, Route: route})
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	receivers, err := n.client.Publish(ctx, n.channel, text).Result()
	switch _, isCluster := n.client.(*redis.ClusterClient); {
	case err != nil:
		q.problem = "Other nodes are missing: Redis does not answer."
	case isCluster: // counts the subscribers at one of its servers
		q.others = -1
	default:
		q.others = max(0, int(receivers)-1) // this node is one
	}
	return q
}

// wait returns the answers that arrive until ctx ends, or until all have arrived.
func (q *question) wait(ctx context.Context) (answers []*node, problem string) {
	defer func() {
		q.nodes.mu.Lock()
		defer q.nodes.mu.Unlock()
		delete(q.nodes.waiting, q.id)
	}()
	for q.problem == "" && len(answers) != q.others {
		select {
		case answer := <-q.answers:
			answers = append(answers, answer)
		case <-ctx.Done():
			if missing := q.others - len(answers); missing > 0 {
				return answers, strconv.Itoa(missing) + " of the other nodes did not answer in time."
			}
			return answers, ""
		}
	}
	return answers, q.problem
}
