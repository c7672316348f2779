-- Rows that another transaction is changing at this moment (a relay marking them published, a
-- worker finishing them) are left to it. The claim ends with this statement: a relay that dies
-- between reading and publishing must not hide a task, and publishing one twice is harmless.
select ord, document, pipeline, stage, generation, class
from tasks
where published_at is null and (not_before is null or not_before <= $1)
  -- $3: ["stage.class", …], whose queues take nothing at the moment.
  and (stage || '.' || class) not in (select value from json_array_elements_text(cast($3 as json)))
order by case class when 'urgent' then 0 when 'normal' then 1 else 2 end, ord
limit $2
for update skip locked
