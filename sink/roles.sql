create role tracetally_owner nologin;
create role tracetally_retention nologin;
create role tracetally_writer nologin;
create role grafana_ro nologin;
grant tracetally_retention to tracetally_owner;
alter role grafana_ro set default_transaction_read_only = on;
alter role grafana_ro set statement_timeout = '30s';
