//! Queues over AMQP.
