select ord, document, pipeline, stage, generation, class
from tasks
where published_at is null and (not_before is null or not_before <= $1)
order by ord
limit $2
