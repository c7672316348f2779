-- $1: [{"level": …, "idx": …}, …]
select log_nodes.level, log_nodes.idx, log_nodes.hash
from json_each($1) as asked
join log_nodes on log_nodes.level = asked.value ->> 'level'
              and log_nodes.idx = asked.value ->> 'idx'
