select ord, document, pipeline, stage, generation, class
from tasks
where published_at is null and (not_before is null or not_before <= $1)
  -- $3: ["stage.class", …], whose queues take nothing at the moment.
  and (stage || '.' || class) not in (select value from json_each($3))
order by case class when 'urgent' then 0 when 'normal' then 1 else 2 end, ord
limit $2
