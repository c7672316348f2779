-- $1: [{"ord": …, "leaf": …}, …]
update records
set leaf_index = place.value ->> 'leaf'
from json_each($1) as place
where records.ord = place.value ->> 'ord'
