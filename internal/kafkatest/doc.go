// Package kafkatest starts an in-process Kafka that speaks the real protocol on loopback (franz-go's kfake), fills it, and
// makes it do what a broker rarely does on request: delete records under a reader's feet, move leaders, die and come back.
//
// Nothing in it needs package testing, so that programs of this repository can use it too; tests use Run, which fails the
// test instead of returning an error. The production program must not import it.
package kafkatest
