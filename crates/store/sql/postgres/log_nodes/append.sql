-- $1: [{"level": …, "idx": …, "hash": "hexadecimal"}, …]
insert into log_nodes (level, idx, hash)
select level, idx, decode(hash, 'hex')
from json_to_recordset(cast($1 as json)) as node (level bigint, idx bigint, hash text)
