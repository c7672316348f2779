select run_key, generation, subject, activity, outcome, bytes, leaf_index
from records
where leaf_index >= $1
order by leaf_index
limit $2
