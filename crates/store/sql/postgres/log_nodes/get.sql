-- $1: [{"level": …, "idx": …}, …]
select log_nodes.level, log_nodes.idx, log_nodes.hash
from json_to_recordset(cast($1 as json)) as asked (level bigint, idx bigint)
join log_nodes on log_nodes.level = asked.level and log_nodes.idx = asked.idx
