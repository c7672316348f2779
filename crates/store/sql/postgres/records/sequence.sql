-- $1: [{"ord": …, "leaf": …}, …]
update records
set leaf_index = place.leaf
from json_to_recordset(cast($1 as json)) as place (ord bigint, leaf bigint)
where records.ord = place.ord
