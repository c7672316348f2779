select ord, document, pipeline, stage, generation, class
from tasks
where published_at is null and (not_before is null or not_before <= $1)
order by case class when 'urgent' then 0 when 'normal' then 1 else 2 end, ord
limit $2
