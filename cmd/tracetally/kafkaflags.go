package main

import (
	"os"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/secret"
)

// kafkaPasswordVariable holds the password of SASL. It is no flag: a command line is visible to others.
const kafkaPasswordVariable = "TRACETALLY_KAFKA_PASSWORD"

// kafkaFlags say which Kafka, how connections to it are secured, and as whom we come. docs/access.md explains them.
type kafkaFlags struct {
	Brokers []string `help:"Kafka brokers to start from, host:port. Connections to other machines speak TLS." placeholder:"HOST:PORT"`

	KafkaTLS        bool   `name:"kafka-tls" help:"Speak TLS to brokers on loopback too."`
	KafkaPlaintext  bool   `help:"Leave TLS out even to other machines: whoever is on the way can read and change everything."`
	KafkaCAFile     string `name:"kafka-ca-file" help:"File with the CAs, in PEM, that brokers' certificates must be signed by; read again for each connection. Default: the system's." placeholder:"FILE"`
	KafkaCertFile   string `help:"File with our certificate and its chain, in PEM, for brokers that ask for one; read again for each connection." placeholder:"FILE"`
	KafkaKeyFile    string `help:"File with the key of --kafka-cert-file, in PEM, not encrypted." placeholder:"FILE"`
	KafkaServerName string `help:"Name that brokers' certificates must be for, if it is not the name in their address." placeholder:"NAME"`

	KafkaSASL         string `name:"kafka-sasl" help:"SASL mechanism: PLAIN (only with TLS), SCRAM-SHA-256 or SCRAM-SHA-512. Default: none." enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" placeholder:"MECHANISM"`
	KafkaUser         string `help:"User of SASL." placeholder:"NAME"`
	KafkaPasswordFile string `help:"File with the password of SASL, read again for each connection; or the password itself in TRACETALLY_KAFKA_PASSWORD." placeholder:"FILE"`
}

// access is what the consumer takes; it checks it.
func (f *kafkaFlags) access() consumer.Access {
	return consumer.Access{
		TLS: f.KafkaTLS, Plaintext: f.KafkaPlaintext, CAFile: f.KafkaCAFile, CertFile: f.KafkaCertFile, KeyFile: f.KafkaKeyFile,
		ServerName: f.KafkaServerName, Mechanism: f.KafkaSASL, User: f.KafkaUser,
		Password: secret.Source{File: f.KafkaPasswordFile, Text: secret.New(os.Getenv(kafkaPasswordVariable))},
	}
}
