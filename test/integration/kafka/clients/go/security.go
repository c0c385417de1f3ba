package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// One broker by three addresses: `franz secured SSL SASL_SSL SASL_PLAINTEXT CA STRANGER_CA USER PASSWORD FEATURE…`.
type secured struct {
	ssl, saslSsl, saslPlaintext, ca, strangerCa, user, password string
}

func securedBy(args []string) secured {
	return secured{args[0], args[1], args[2], args[3], args[4], args[5], args[6]}
}

func (s secured) checks() map[string]func(context.Context) {
	return map[string]func(context.Context){
		"tls": func(ctx context.Context) {
			roundTrip(ctx, s.ssl, trusting(s.ca))
			unknown := x509.UnknownAuthorityError{}
			err := ping(ctx, s.ssl, trusting(s.strangerCa))
			expect(errors.As(err, &unknown), "a stranger's authority", err)
		},
		"saslPlain": func(ctx context.Context) { s.everywhere(ctx, s.mechanisms(s.password)[:1]) },
		"saslScram": func(ctx context.Context) { s.everywhere(ctx, s.mechanisms(s.password)[1:]) },
		"wrongPassword": func(ctx context.Context) {
			for _, mechanism := range s.mechanisms("guessed") {
				err := ping(ctx, s.saslSsl, trusting(s.ca), kgo.SASL(mechanism))
				// With SCRAM it is a message of the exchange that tells of it.
				told := errors.Is(err, kerr.SaslAuthenticationFailed)
				expect(told, mechanism.Name(), err)
			}
		},
	}
}

func (s secured) mechanisms(password string) []sasl.Mechanism {
	salted := scram.Auth{User: s.user, Pass: password}
	return []sasl.Mechanism{
		plain.Auth{User: s.user, Pass: password}.AsMechanism(), salted.AsSha256Mechanism(), salted.AsSha512Mechanism(),
	}
}

func (s secured) everywhere(ctx context.Context, mechanisms []sasl.Mechanism) {
	for _, mechanism := range mechanisms {
		roundTrip(ctx, s.saslSsl, trusting(s.ca), kgo.SASL(mechanism))
		roundTrip(ctx, s.saslPlaintext, kgo.SASL(mechanism))
	}
}

func trusting(file string) kgo.Opt {
	pool := x509.NewCertPool()
	expect(pool.AppendCertsFromPEM(got(os.ReadFile(file))), "an authority", file)
	return kgo.DialTLSConfig(&tls.Config{RootCAs: pool})
}

func roundTrip(ctx context.Context, address string, options ...kgo.Opt) {
	topic := fresh("franz")
	all := append([]kgo.Opt{kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation()}, options...)
	producer := client(all...)
	defer producer.Close()
	must(producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("secret")}).FirstErr())
	reader := client(append(all, kgo.ConsumeTopics(topic))...)
	defer reader.Close()
	same([]string{"secret"}, values(take(ctx, reader, 1)), "what comes back")
}

func ping(ctx context.Context, address string, options ...kgo.Opt) error {
	one := client(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.RequestRetries(0)}, options...)...)
	defer one.Close()
	return one.Ping(ctx)
}
