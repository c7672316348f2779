-- $1: [{"level": …, "idx": …, "hash": "hexadecimal"}, …]
insert into log_nodes (level, idx, hash)
select value ->> 'level', value ->> 'idx', unhex(value ->> 'hash')
from json_each($1)
