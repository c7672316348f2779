select reconciler, pipeline, period, number, subject, run_key, artifact, made_at
from editions
where reconciler = $1 and pipeline = $2 and ($3 is null or period = $3)
order by period, number
