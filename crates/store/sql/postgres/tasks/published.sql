-- $1: [{"document": "hexadecimal", "stage": …, "generation": …}, …].
update tasks
set published_at = $2
from json_to_recordset(cast($1 as json)) as sent (document text, stage text, generation bigint)
where tasks.document = decode(sent.document, 'hex')
  and tasks.stage = sent.stage
  and tasks.generation = sent.generation
  -- One that a worker put off before its publisher came here is not in the queue.
  and (tasks.not_before is null or tasks.not_before <= $2)
