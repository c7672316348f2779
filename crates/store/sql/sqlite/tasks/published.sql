-- $1: [ord, …]. A task finished meanwhile and owed again has another row, which nobody published.
update tasks
set published_at = $2
where ord in (select value from json_each($1))
  -- One that a worker put off before its publisher came here is not in the queue.
  and (not_before is null or not_before <= $2)
