// Checks of franz-go: `franz BOOTSTRAP FEATURE…` prints a line of JSON for each, {"feature": …, "error": null or text}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 30 * time.Second

var bootstrap = os.Args[1]

var checks = map[string]func(context.Context){
	"topics":             topics,
	"partitions":         partitions,
	"configs":            configs,
	"deleteRecords":      deleteRecords,
	"offsets":            offsets,
	"groupAdmin":         groupAdmin,
	"cluster":            cluster,
	"records":            records,
	"codecs":             codecs,
	"acks":               acks,
	"idempotent":         idempotent,
	"longPoll":           longPoll,
	"group":              group,
	"resume":             resume,
	"cooperative":        cooperative,
	"staticMember":       staticMember,
	"kip848":             newerProtocol,
	"pattern":            pattern,
	"autoCreate":         autoCreate,
	"startAt":            startAt,
	"outOfRange":         outOfRange,
	"large":              large,
	"appendTime":         appendTime,
	"logDirs":            logDirs,
	"scramUsers":         scramUsers,
	"transactions":       transactions,
	"transactionOffsets": transactionOffsets,
	"fencing":            fencing,
	"transactionAdmin":   transactionAdmin,
}

type outcome struct {
	Feature string  `json:"feature"`
	Error   *string `json:"error"`
}

func main() {
	wanted := os.Args[2:]
	if os.Args[1] == "secured" {
		checks = securedBy(wanted).checks()
		wanted = wanted[7:]
	}
	for _, feature := range wanted {
		line, _ := json.Marshal(outcome{feature, run(checks[feature])})
		fmt.Println(string(line))
	}
}

// A check panics when it fails.
func run(check func(context.Context)) (problem *string) {
	defer func() {
		if failure := recover(); failure != nil {
			text := fmt.Sprint(failure)
			problem = &text
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	check(ctx)
	return nil
}

func expect(holds bool, what string, details ...any) {
	if !holds {
		panic(what + ": " + fmt.Sprintln(details...))
	}
}

func same(expected, actual any, what string) {
	expect(reflect.DeepEqual(expected, actual), what, "expected", expected, "not", actual)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func got[T any](value T, err error) T {
	must(err)
	return value
}

func until(what string, holds func() bool) {
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		expect(time.Now().Before(end), "not in time", what)
	}
}

func fresh(what string) string {
	return fmt.Sprintf("%s-%d-%d", what, os.Getpid(), time.Now().UnixNano())
}

func client(options ...kgo.Opt) *kgo.Client {
	return got(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...))
}

func admin() *kadm.Client {
	return kadm.NewClient(client())
}

func newTopic(ctx context.Context, partitions int32, configs map[string]*string) string {
	topic := fresh("franz")
	adm := admin()
	defer adm.Close()
	got(adm.CreateTopic(ctx, partitions, 1, configs, topic))
	until("the topic is known", func() bool {
		listed, err := adm.ListEndOffsets(ctx, topic)
		return err == nil && listed.Error() == nil
	})
	return topic
}

func send(ctx context.Context, topic, prefix string, count int, options ...kgo.Opt) {
	producer := client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer producer.Close()
	all := []*kgo.Record{}
	for i := range count {
		all = append(all, &kgo.Record{Key: fmt.Append(nil, i), Value: fmt.Append(nil, prefix, i)})
	}
	must(producer.ProduceSync(ctx, all...).FirstErr())
}

// The next records of a consumer.
func take(ctx context.Context, consumer *kgo.Client, count int) []*kgo.Record {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	taken := []*kgo.Record{}
	for len(taken) < count {
		fetches := consumer.PollRecords(ctx, count-len(taken))
		must(fetches.Err())
		taken = append(taken, fetches.Records()...)
	}
	return taken
}

func values(records []*kgo.Record) []string {
	all := []string{}
	for _, record := range records {
		all = append(all, string(record.Value))
	}
	return all
}
