select run_key, generation, subject, activity, outcome, bytes, leaf_index
from records
where run_key = $1 and generation = $2
