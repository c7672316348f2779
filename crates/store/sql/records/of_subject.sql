select run_key, generation, subject, activity, outcome, bytes, leaf_index
from records
where subject = $1
order by ord
