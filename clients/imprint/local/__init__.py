"""An installation on one machine: nats-server, the services and the pods as child processes, one data folder."""
