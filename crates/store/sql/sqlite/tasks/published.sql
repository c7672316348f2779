-- $1: [{"document": "hexadecimal", "stage": …, "generation": …}, …].
update tasks
set published_at = $2
from json_each($1) as sent
where tasks.document = unhex(sent.value ->> 'document')
  and tasks.stage = sent.value ->> 'stage'
  and tasks.generation = sent.value ->> 'generation'
  -- One that a worker put off before its publisher came here is not in the queue.
  and (tasks.not_before is null or tasks.not_before <= $2)
